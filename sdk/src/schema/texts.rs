//! Schemas of types that JSON writes as a string, and of the std types that serde writes as small objects.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use core::time::Duration;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Schema, Shape, simple};
use crate::constant::{Json, Member};

macro_rules! texts {
    ($($text:ty $(, $key:literal: $value:expr)*;)*) => {$(
        impl Schema for $text {
            const ACCEPTS: Shape = Shape { schema: simple!("string" $(, $key: $value)*), ..Shape::ANY };
        }
    )*};
}

texts! {
    str;
    String;
    Path;
    PathBuf;
    IpAddr;
    Ipv4Addr, "format": Json::Text("ipv4");
    Ipv6Addr, "format": Json::Text("ipv6");
    SocketAddr;
    SocketAddrV4;
    SocketAddrV6;
}

impl Schema for char {
    const ACCEPTS: Shape = {
        const ONE: Json = simple!("string", "minLength": Json::Integer(1), "maxLength": Json::Integer(1));
        Shape { schema: ONE, key: ONE, ..Shape::ANY }
    };
}

macro_rules! seconds_and_nanos {
    ($time:ty, $seconds:literal, $nanos:literal) => {
        impl Schema for $time {
            const ACCEPTS: Shape = Shape {
                schema: simple!(
                    "object",
                    "properties": Json::Object(&[
                        Member::Is($seconds, u64::ACCEPTS.schema),
                        Member::Is($nanos, u32::ACCEPTS.schema),
                    ]),
                    "required": Json::List(&[Json::Text($seconds), Json::Text($nanos)]),
                    "additionalProperties": Json::Raw("false")
                ),
                ..Shape::ANY
            };
        }
    };
}

seconds_and_nanos!(Duration, "secs", "nanos");
seconds_and_nanos!(SystemTime, "secs_since_epoch", "nanos_since_epoch");
