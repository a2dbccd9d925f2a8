//! The core of a small ERP: its employees and their roles.
//!
//! Who is calling is the business of `erp-auth`, which this plugin requires and asks. `erp-auth` for its part asks this
//! plugin for roles: two plugins that call each other. One instance can answer one call at a time, so the way back is closed
//! for as long as this plugin waits for `erp-auth`; `permission` shows what comes of that.

use std::collections::BTreeMap;

use plugbay_sdk::plugins;
use plugbay_sdk::prelude::*;

#[derive(Serialize, Schema)]
struct Employee {
    name: String,
    roles: Vec<String>,
}

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct Caller {
    /// Whoever holds it is who is calling.
    token: String,
}

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct Hire {
    token: String,
    #[schema(min_length = 1)]
    name: String,
    roles: Vec<String>,
}

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct Who {
    employee: String,
}

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct Wish {
    token: String,
    /// What they want to do.
    action: String,
}

/// Whether somebody may do something, and how that was found out.
#[derive(Serialize, Schema)]
struct Permission {
    employee: String,
    allowed: bool,
    /// Whether the roles had to be sent along, because `erp-auth` could not ask for them.
    told_roles: bool,
}

struct Core {
    employees: BTreeMap<String, Vec<String>>,
}

impl Default for Core {
    fn default() -> Self {
        let employee = |name: &str, role: &str| (name.to_owned(), vec![role.to_owned()]);
        Core { employees: BTreeMap::from([employee("ada", "manager"), employee("bob", "clerk")]) }
    }
}

#[plugin]
impl Core {
    /// All employees, for those who may see them.
    #[action(idempotent)]
    fn employees(&self, input: Caller) -> Result<Vec<Employee>> {
        self.ensure_may(&input.token, "list")?;
        let employee = |(name, roles): (&String, &Vec<String>)| Employee { name: name.clone(), roles: roles.clone() };
        Ok(self.employees.iter().map(employee).collect())
    }

    /// Hires somebody, on behalf of those who may.
    #[action]
    fn hire(&mut self, input: Hire) -> Result<Employee> {
        let by = self.ensure_may(&input.token, "hire")?;
        ensure!(!self.employees.contains_key(&input.name), code = "already_hired", "{} works here", input.name);
        self.employees.insert(input.name.clone(), input.roles.clone());
        log::info!("hired", name = input.name, by = by);
        Ok(Employee { name: input.name, roles: input.roles })
    }

    /// An employee's roles. `erp-auth` asks for them.
    #[action(idempotent)]
    fn roles(&self, input: Who) -> Result<Vec<String>> {
        let roles = self.employees.get(&input.employee).cloned();
        roles.ok_or_else(|| {
            error(format!("{} does not work here", input.employee)).with_code("unknown_employee").with_status(404)
        })
    }

    /// Whether the caller may do something. Asks `erp-auth` without telling the roles, to show what becomes of it.
    #[action(idempotent)]
    fn permission(&self, input: Wish) -> Result<Permission> {
        let auth = plugins::get("erp-auth");
        let employee: String = auth.call("check_token", &json!({ "token": input.token }))?;
        // `erp-auth` would ask back, and this instance is the only one: the host tells it that this cannot work.
        match auth.call("may", &json!({ "employee": employee, "action": input.action })) {
            Ok(allowed) => Ok(Permission { employee, allowed, told_roles: false }),
            Err(failure) if failure.code() == "roles_needed" => {
                let allowed = self.may(&employee, &input.action)?;
                Ok(Permission { employee, allowed, told_roles: true })
            }
            Err(failure) => Err(failure),
        }
    }
}

impl Core {
    /// The caller's name, if they may.
    fn ensure_may(&self, token: &str, action: &str) -> Result<String> {
        let employee: String = plugins::call("erp-auth", "check_token", &json!({ "token": token }))?;
        if !self.may(&employee, action)? {
            return Err(error(format!("{employee} may not {action}")).with_code("forbidden").with_status(403));
        }
        Ok(employee)
    }

    /// Asks `erp-auth`, and tells it what it would have to ask for.
    fn may(&self, employee: &str, action: &str) -> Result<bool> {
        let roles = self.employees.get(employee).cloned().unwrap_or_default();
        plugins::call("erp-auth", "may", &json!({ "employee": employee, "action": action, "roles": roles }))
    }
}
