//! The core of a small ERP: its employees and their roles.
//!
//! `erp-auth`, which this plugin requires, identifies callers. `erp-auth` in turn calls this plugin for roles, so the
//! two call each other. An instance runs one call at a time, so the call back fails while this plugin waits for
//! `erp-auth`. `permission` shows how the two handle that.

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
    /// The token that identifies the caller.
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
    /// The action to check.
    action: String,
}

/// Whether the caller may do something, and whether the roles had to be passed.
#[derive(Serialize, Schema)]
struct Permission {
    employee: String,
    allowed: bool,
    /// Whether the roles had to be passed, because `erp-auth` could not call back for them.
    passed_roles: bool,
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
    /// Lists all employees, if the caller may.
    #[action(idempotent)]
    fn employees(&self, input: Caller) -> Result<Vec<Employee>> {
        self.ensure_may(&input.token, "list")?;
        let employee = |(name, roles): (&String, &Vec<String>)| Employee { name: name.clone(), roles: roles.clone() };
        Ok(self.employees.iter().map(employee).collect())
    }

    /// Hires an employee, if the caller may.
    #[action]
    fn hire(&mut self, input: Hire) -> Result<Employee> {
        let by = self.ensure_may(&input.token, "hire")?;
        ensure!(!self.employees.contains_key(&input.name), code = "already_hired", "{} already works here", input.name);
        self.employees.insert(input.name.clone(), input.roles.clone());
        log::info!("hired", name = input.name, by = by);
        Ok(Employee { name: input.name, roles: input.roles })
    }

    /// Returns an employee's roles, for `erp-auth`.
    #[action(idempotent)]
    fn roles(&self, input: Who) -> Result<Vec<String>> {
        let roles = self.employees.get(&input.employee).cloned();
        roles.ok_or_else(|| {
            error(format!("{} does not work here", input.employee)).with_code("unknown_employee").with_status(404)
        })
    }

    /// Returns whether the caller may do something. First calls `erp-auth` without the roles, to show the reentrant
    /// call.
    #[action(idempotent)]
    fn permission(&self, input: Wish) -> Result<Permission> {
        let auth = plugins::get("erp-auth");
        let employee: String = auth.call("check_token", &json!({ "token": input.token }))?;
        // `erp-auth` calls back, and this instance is the only one, so the host refuses that call.
        match auth.call("may", &json!({ "employee": employee, "action": input.action })) {
            Ok(allowed) => Ok(Permission { employee, allowed, passed_roles: false }),
            Err(failure) if failure.code() == "roles_needed" => {
                let allowed = self.may(&employee, &input.action)?;
                Ok(Permission { employee, allowed, passed_roles: true })
            }
            Err(failure) => Err(failure),
        }
    }
}

impl Core {
    /// Returns the caller's name, or an error if the caller may not do this.
    fn ensure_may(&self, token: &str, action: &str) -> Result<String> {
        let employee: String = plugins::call("erp-auth", "check_token", &json!({ "token": token }))?;
        if !self.may(&employee, action)? {
            return Err(error(format!("{employee} may not {action}")).with_code("forbidden").with_status(403));
        }
        Ok(employee)
    }

    /// Asks `erp-auth`, and passes the roles that it needs.
    fn may(&self, employee: &str, action: &str) -> Result<bool> {
        let roles = self.employees.get(employee).cloned().unwrap_or_default();
        plugins::call("erp-auth", "may", &json!({ "employee": employee, "action": action, "roles": roles }))
    }
}
