//! Names of machines and of files, which look alike.

/// The last labels that stay: they name nobody, and where a name is from no public registry they say so.
const ENDS: [&str; 36] = [
    "com",
    "net",
    "org",
    "edu",
    "gov",
    "mil",
    "int",
    "info",
    "biz",
    "local",
    "localdomain",
    "localhost",
    "internal",
    "invalid",
    "arpa",
    "lan",
    "cloud",
    "dev",
    "online",
    "tech",
    "site",
    "xyz",
    "top",
    "shop",
    "store",
    "live",
    "global",
    "digital",
    "agency",
    "gmbh",
    "bank",
    "pro",
    "loc",
    "priv",
    "dmz",
    "intranet",
];

/// Last labels of names within a company. They tell a machine's name in a text from that of a file.
const WITHIN: [&str; 7] = ["example", "test", "home", "corp", "intern", "intra", "ad"];

/// What names of files end in that would else look like a machine's or an account's.
const FILES: [&str; 97] = [
    "exe", "dll", "sys", "ocx", "cpl", "scr", "drv", "msi", "msp", "msu", "bat", "cmd", "ps1", "psm1", "psd1", "ps",
    "vbs", "vbe", "js", "jse", "ts", "wsf", "wsh", "hta", "jar", "class", "py", "pyc", "pl", "rb", "sh", "go", "rs",
    "cs", "cc", "cpp", "php", "asp", "aspx", "jsp", "html", "htm", "css", "xml", "json", "yaml", "yml", "toml", "ini",
    "cfg", "conf", "config", "inf", "reg", "log", "txt", "md", "csv", "tsv", "doc", "docx", "docm", "xls", "xlsx",
    "xlsm", "ppt", "pptx", "pdf", "rtf", "png", "jpg", "jpeg", "gif", "ico", "svg", "zip", "gz", "xz", "tar", "rar",
    "cab", "iso", "img", "vhd", "vhdx", "dat", "db", "tmp", "bak", "lnk", "url", "mui", "evtx", "etl", "pf", "so",
    "manifest",
];

/// Whether a name in a text is a machine's rather than a file's or a class's: by its last label, and where that may be any, by
/// its case: `System.Net.WebClient` is none.
pub fn is_host(text: &str) -> bool {
    let (count, last) = (text.split('.').count(), text.rsplit('.').next().unwrap_or_default());
    let is_far = is_country(last) && count > 2;
    let is_listed = is_far || is_end(last) || WITHIN.contains(&&*last.to_lowercase());
    let is_of_one_case =
        |label: &str| !(label.chars().any(char::is_lowercase) && label.chars().any(char::is_uppercase));
    let has_letter = |label: &str| label.chars().any(char::is_alphabetic);
    let is_plain = || {
        let is_long = count > 2 || is_country(last);
        is_long
            && last.len() > 1
            && last.chars().all(char::is_alphabetic)
            && text.split('.').all(is_of_one_case)
            && text.rsplit('.').nth(1).is_some_and(has_letter)
            && !text.starts_with(['-', '_'])
            && !is_file(text)
    };
    is_domain(text) && (is_listed || is_plain())
}

/// Whether a name ends as a file's.
pub fn is_file(text: &str) -> bool {
    text.rsplit_once('.').is_some_and(|(_, last)| FILES.contains(&&*last.to_lowercase()))
}

/// Whether this is a last label that stays.
pub fn is_end(label: &str) -> bool {
    ENDS.contains(&&*label.to_lowercase())
}

/// Whether this is a domain name of two labels or more, which no number is.
pub fn is_domain(text: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let label = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(inside);
    let has_letter = |label: &str| label.chars().any(char::is_alphabetic);
    text.contains('.') && text.split('.').all(label) && text.rsplit('.').next().is_some_and(has_letter)
}

/// A country's two letters.
pub fn is_country(label: &str) -> bool {
    label.len() == 2 && label.chars().all(|c| c.is_ascii_alphabetic())
}
