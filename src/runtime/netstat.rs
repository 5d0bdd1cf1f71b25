//! `/proc/net/snmp` and `/proc/net/snmp6`: packets that had no route out.

/// A counter is not where the kernel has always put it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no {counter} in /proc/net")]
pub(super) struct CounterMissing {
    counter: &'static str,
}

/// `OutNoRoutes` of IPv4: a line of names and a line of values, both beginning with `Ip:`.
pub(super) fn out_no_routes_v4(snmp: &str) -> Result<u64, CounterMissing> {
    let missing = CounterMissing {
        counter: "OutNoRoutes",
    };
    let mut lines = snmp.lines().filter_map(|line| line.strip_prefix("Ip: "));
    let (Some(names), Some(values), None) = (lines.next(), lines.next(), lines.next()) else {
        return Err(missing);
    };
    let names: Vec<&str> = names.split_ascii_whitespace().collect();
    let values: Vec<&str> = values.split_ascii_whitespace().collect();
    if names.len() != values.len() {
        return Err(missing);
    }
    let column = names.iter().position(|name| *name == "OutNoRoutes");
    column
        .and_then(|column| values[column].parse().ok())
        .ok_or(missing)
}

/// `Ip6OutNoRoutes`: one name and one value on each line.
pub(super) fn out_no_routes_v6(snmp6: &str) -> Result<u64, CounterMissing> {
    let missing = CounterMissing {
        counter: "Ip6OutNoRoutes",
    };
    let value = snmp6.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("Ip6OutNoRoutes"), Some(value), None) => Some(value),
            _ => None,
        }
    });
    value.and_then(|value| value.parse().ok()).ok_or(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Linux 6.18; Linux 6.1 (Debian 12) has no OutTransmits.
    const SNMP: &str = "\
Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers \
OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates OutTransmits
Ip: 2 64 10 0 0 0 0 0 10 10 20 12 0 0 0 0 0 0 0 10
Icmp: InMsgs InErrors
Icmp: 0 0
";

    #[test]
    fn the_column_is_found_by_its_name() {
        assert_eq!(out_no_routes_v4(SNMP), Ok(12));
        assert_eq!(out_no_routes_v4("Ip: OutNoRoutes\nIp: 3\n"), Ok(3));
    }

    #[test]
    fn too_few_and_too_many_columns_are_errors() {
        assert!(out_no_routes_v4("Ip: A OutNoRoutes\nIp: 3\n").is_err());
        assert!(out_no_routes_v4("Ip: OutNoRoutes\nIp: 3 4\n").is_err());
        assert!(out_no_routes_v4("Ip: OutNoRoutes\n").is_err());
        assert!(out_no_routes_v4("Ip: OutNoRoutes\nIp: x\n").is_err());
        assert!(out_no_routes_v4("").is_err());
    }

    #[test]
    fn ipv6_has_a_line_of_its_own() {
        let snmp6 = "Ip6InReceives                   \t4\nIp6OutNoRoutes                  \t7\n";
        assert_eq!(out_no_routes_v6(snmp6), Ok(7));
        assert!(out_no_routes_v6("Ip6OutNoRoutes 7 8\n").is_err());
        assert!(out_no_routes_v6("").is_err());
    }
}
