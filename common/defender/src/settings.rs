//! The sections `defender` and `graph` of the configuration.

use cordon_records::TenantId;
use cordon_settings::{Secret, Section};
use url::Url;

use crate::base::check_url;
use crate::cloud::Cloud;
use crate::error::ApiError;

/// Which part of the published limits this process may use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuotaSettings {
    /// The part, above 0 and up to 1 (`quota_share`). Processes that share an app registration share its quota, so
    /// their parts must come to 1 at most; clients within one process share one part. With a part that comes to less
    /// than some 120 calls an hour, the first call after a start waits for a while (half a minute at 75 an hour).
    pub share: f64,
    /// Calls a minute and path template, instead of the published number (`quota.per_minute`): 100 at Defender. Templates
    /// for which another number is published change in the same proportion.
    pub per_minute: Option<u32>,
    /// Calls an hour and path template, instead of the published number (`quota.per_hour`): 1,500 at Defender. Templates
    /// for which another number is published change in the same proportion.
    pub per_hour: Option<u32>,
}

impl Default for QuotaSettings {
    fn default() -> Self {
        Self { share: 1.0, per_minute: None, per_hour: None }
    }
}

impl QuotaSettings {
    /// Reads `quota_share` and `quota` of the section `defender` or `graph`. Mistakes are recorded there; the caller
    /// finishes the section.
    pub fn read(section: &mut Section) -> Self {
        let share = section.float("quota_share").check(|share| {
            let is_part = *share > 0.0 && *share <= 1.0;
            if is_part { Ok(()) } else { Err(format!("{share} is not above 0 and up to 1")) }
        });
        let share = share.or(1.0);
        let mut windows = section.section("quota");
        let per_minute = read_limit(&mut windows, "per_minute");
        let per_hour = read_limit(&mut windows, "per_hour");
        windows.finish();
        Self { share, per_minute, per_hour }
    }
}

/// How to reach Defender for Endpoint, and as whom.
#[derive(Debug, Clone)]
pub struct DefenderSettings {
    /// The cloud that the defaults are taken from (`cloud`).
    pub cloud: Cloud,
    /// The Entra tenant (`tenant_id`).
    pub tenant_id: TenantId,
    /// The app registration (`client_id`).
    pub client_id: String,
    /// Its secret (`client_secret`), `env:NAME` or `file:/path`.
    pub client_secret: Secret,
    /// Base of the API (`api_url`); may have a path prefix.
    pub api_url: Url,
    /// Base of Entra's token endpoint (`authority_url`); may have a path prefix.
    pub authority_url: Url,
    /// The scope of tokens (`scope`). It does not follow from `api_url`.
    pub scope: String,
    /// Whether plain http is taken outside loopback (`allow_http`), for test servers.
    pub allow_http: bool,
    /// The quota.
    pub quota: QuotaSettings,
}

impl DefenderSettings {
    /// Settings with the cloud's addresses.
    ///
    /// # Errors
    /// Fatal when an address of the cloud cannot be read, which would be a mistake in this crate.
    pub fn new(cloud: Cloud, tenant_id: TenantId, client_id: String, client_secret: Secret) -> Result<Self, ApiError> {
        Ok(Self {
            cloud,
            tenant_id,
            client_id,
            client_secret,
            api_url: address(cloud.api_url())?,
            authority_url: address(cloud.authority_url())?,
            scope: cloud.defender_scope().to_owned(),
            allow_http: false,
            quota: QuotaSettings::default(),
        })
    }

    /// Reads the section `defender`. Mistakes are recorded there; the caller finishes the section.
    pub fn read(section: &mut Section) -> Option<Self> {
        let cloud = section.choice("cloud", Cloud::CHOICES).or(Cloud::default());
        let allow_http = section.flag("allow_http").or(false);
        let tenant_id = section.text("tenant_id").convert(tenant).required();
        let client_id = section.text("client_id").check(is_filled).required();
        let client_secret = section.secret("client_secret").required();
        let api_url = base_url(section, "api_url", cloud.api_url(), allow_http);
        let authority_url = base_url(section, "authority_url", cloud.authority_url(), allow_http);
        let scope = section.text("scope").check(is_filled).or(cloud.defender_scope().to_owned());
        let quota = QuotaSettings::read(section);
        Some(Self {
            cloud,
            tenant_id: tenant_id?,
            client_id: client_id?,
            client_secret: client_secret?,
            api_url: api_url?,
            authority_url: authority_url?,
            scope,
            allow_http,
            quota,
        })
    }
}

/// How to reach Microsoft Graph, and as whom.
#[derive(Debug, Clone)]
pub struct GraphSettings {
    /// Base of Graph (`url`); may have a path prefix.
    pub url: Url,
    /// Base of Entra's token endpoint (`authority_url`).
    pub authority_url: Url,
    /// The Entra tenant (`tenant_id`).
    pub tenant_id: TenantId,
    /// The app registration (`client_id`).
    pub client_id: String,
    /// Its secret (`client_secret`).
    pub client_secret: Secret,
    /// The scope of tokens (`scope`).
    pub scope: String,
    /// Whether plain http is taken outside loopback (`allow_http`).
    pub allow_http: bool,
    /// The quota.
    pub quota: QuotaSettings,
}

impl GraphSettings {
    /// Reads the section `graph` of the root and finishes it. What is missing of the identity and its authority
    /// is taken from `defender`, whose cloud also gives the default addresses.
    pub fn read(root: &mut Section, defender: Option<&DefenderSettings>) -> Option<Self> {
        let mut section = root.section("graph");
        let read = Self::read_section(&mut section, defender);
        section.finish();
        read
    }

    fn read_section(section: &mut Section, defender: Option<&DefenderSettings>) -> Option<Self> {
        let default_cloud = defender.map_or(Cloud::default(), |defender| defender.cloud);
        let cloud = section.choice("cloud", Cloud::CHOICES).or(default_cloud);
        let allow_http = section.flag("allow_http").or(defender.is_some_and(|defender| defender.allow_http));
        let authority = match defender {
            Some(defender) if !section.is_present("cloud") => defender.authority_url.as_str(),
            Some(_) | None => cloud.authority_url(),
        };
        let url = base_url(section, "url", cloud.graph_url(), allow_http);
        let authority_url = base_url(section, "authority_url", authority, allow_http);
        let scope = section.text("scope").check(is_filled).or(cloud.graph_scope().to_owned());
        let quota = QuotaSettings::read(section);
        let tenant_id = section.text("tenant_id").convert(tenant);
        let client_id = section.text("client_id").check(is_filled);
        let client_secret = section.secret("client_secret");
        if section.is_present("client_id") && !section.is_present("client_secret") {
            section.problem("client_id", "names another app than defender does, so it needs its own client_secret");
        }
        let (tenant_id, client_id, client_secret) = match defender {
            Some(defender) => (
                Some(tenant_id.or(defender.tenant_id.clone())),
                Some(client_id.or(defender.client_id.clone())),
                Some(client_secret.or(defender.client_secret.clone())),
            ),
            None => (tenant_id.required(), client_id.required(), client_secret.required()),
        };
        Some(Self {
            url: url?,
            authority_url: authority_url?,
            tenant_id: tenant_id?,
            client_id: client_id?,
            client_secret: client_secret?,
            scope,
            allow_http,
            quota,
        })
    }
}

fn read_limit(section: &mut Section, key: &str) -> Option<u32> {
    let fitting = |calls: i64| match u32::try_from(calls) {
        Ok(calls @ 1..) => Ok(calls),
        Ok(0) | Err(_) => Err(format!("{calls} is not a number of calls from 1 to {}", u32::MAX)),
    };
    section.integer(key).convert(fitting).optional()
}

/// An address, given or by default; a mistake is recorded at its place.
fn base_url(section: &mut Section, key: &str, default: &str, allow_http: bool) -> Option<Url> {
    let given = section.url(key).check(|url| check_url(url, allow_http)).optional();
    match given {
        Some(url) => Some(url),
        None => Url::parse(default).ok(),
    }
}

fn address(text: &str) -> Result<Url, ApiError> {
    Url::parse(text).map_err(|error| ApiError::setup(text, format!("is not an address: {error}")))
}

#[expect(clippy::ptr_arg, reason = "the reader checks the type that it read")]
fn is_filled(text: &String) -> Result<(), String> {
    if text.trim().is_empty() { Err("is empty".to_owned()) } else { Ok(()) }
}

fn tenant(text: String) -> Result<TenantId, String> {
    TenantId::new(text).map_err(|error| error.to_string())
}
