//! How many files the process may have open. A stage that runs out of handles lives on and tries again, but what it then
//! says of brokers that are down is misleading: librdkafka does not tell a socket that cannot be made from one that
//! nobody answers on. So a low limit is told of at the start.

/// With a handful of brokers a stage has some 60 handles open; below twice that it gets tight.
const ENOUGH: u64 = 128;

/// Warns of a low limit. Where there is no proc(5), nothing is known and nothing said.
pub(super) fn warn_if_few() {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    if let Some(limit) = soft_limit(&limits).filter(|limit| *limit < ENOUGH) {
        tracing::warn!(
            limit,
            enough = ENOUGH,
            "this process may open few files; when none is left, brokers and servers seem to be unreachable; raise the \
             limit (ulimit -n, LimitNOFILE)"
        );
    }
}

/// The soft limit in the table of proc(5); none when it is unlimited.
fn soft_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_the_first_number_of_its_line() {
        let table = "Limit                     Soft Limit           Hard Limit           Units     \n\
                     Max processes             95945                95945                processes \n\
                     Max open files            64                   4096                 files     \n";
        assert_eq!(soft_limit(table), Some(64));
        assert_eq!(soft_limit("Max open files            unlimited            unlimited            files\n"), None);
        assert_eq!(soft_limit(""), None);
    }
}
