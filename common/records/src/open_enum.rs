//! Enumerations that belong to Microsoft: they grow, so each keeps room for a value that we do not know.

/// Defines an enum of known texts plus `Other(String)`. Reading ignores case (Graph writes `high` where MDE
/// writes `High`); writing gives the documented spelling, and an unknown value comes out as it went in.
#[macro_export]
macro_rules! open_enum {
    ($(#[$doc:meta])* $name:ident $(spelled $values:path)? { $($(#[$vdoc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
            /// A value that this build does not know, kept as it came.
            Other(String),
        }

        impl $name {
            /// The spellings of all known values, in Microsoft's order.
            pub const KNOWN: &'static [&'static str] = &[$(stringify!($variant)),+];

            /// The value as Microsoft spells it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => stringify!($variant),)+
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                let value = text;
                $(let value = $values.value(text).unwrap_or(value);)?
                $(if value.eq_ignore_ascii_case(stringify!($variant)) { return Self::$variant; })+
                Self::Other(text.to_owned())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::serde::Serialize for $name {
            fn serialize<S: $crate::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> $crate::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(Self::from(<String as $crate::serde::Deserialize>::deserialize(deserializer)?.as_str()))
            }
        }
    };
}
