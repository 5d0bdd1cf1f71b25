//! Words for people by what they do: `officer`, `depositor`, `berater`, `vendeur`.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::neighbours::is_neutral;

/// Ends of words for people.
const ENDS: [&str; 10] = ["er", "or", "eur", "ist", "ee", "ant", "ent", "ian", "ador", "ore"];

/// Words that end like those, and are things.
const THINGS: &str = "\
    server|folder|layer|header|footer|provider|parameter|filter|container|controller|number|printer|carrier|manufacturer|\
    computer|router|character|color|identifier|register|trigger|scanner|sector|processor|connector|vector|monitor|error|\
    factor|operator|event|component|document|content|environment|department|element|attachment|parent|payment|comment|segment|\
    variant|constant|paper|cover|chapter|letter|newsletter|flavor|flavour|motor|sensor|indicator|selector|descriptor|\
    separator|center|centre|cluster|consumer|counter|cipher|buffer|browser|parser|handler|helper|wrapper|loader|driver|gutter|\
    slider|banner|player|builder|renderer|formatter|validator|adapter|mapper|border|corner|master|meter|theater|theatre|\
    quarter|semester|after|under|over|other|former|later|lower|upper|inner|outer|power|water|account|agreement|amendment|\
    appointment|argument|assignment|deployment|development|discount|endpoint|equipment|experiment|extent|fragment|front|\
    government|grant|increment|instrument|investment|measurement|movement|plant|point|present|procurement|shipment|statement|\
    supplement|tournament|treatment|ingredient|percent|quotient|settlement|torrent|current|different|accent|intent|talent|\
    employment|placement|tier|modifier|specifier|qualifier|verifier|notifier|classifier|multiplier|barrier|store|score|core|\
    more|before|restore|explorer|coffee|tree|degree|three|free|list|checklist|wishlist|blacklist|whitelist|playlist|shortlist|\
    waitlist|pricelist|order|binder|charter|voucher|transfer|offer|answer|pointer|marker|timer|chamber|cylinder|trailer|\
    reader|writer|worker|scheduler|dispatcher|listener|observer|tester|primer|badge|tensor|mirror|floor|door|interior|\
    exterior|behavior|behaviour|harbor|harbour|elevator|generator|accelerator|calculator|collector|conductor|detector|\
    projector|reactor|refrigerator|simulator|tractor|transistor|compressor";

static NOBODY: LazyLock<HashSet<&str>> = LazyLock::new(|| THINGS.split('|').collect());

/// Whether a word says what somebody does.
pub(super) fn is_agent(word: &str) -> bool {
    word.len() >= 5
        && ENDS.iter().any(|end| word.ends_with(end))
        && !NOBODY.contains(word)
        && !is_neutral(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_from_things_by_what_they_are_called() {
        for person in [
            "officer",
            "depositor",
            "berater",
            "vendeur",
            "organist",
            "lessee",
            "consultant",
            "librarian",
        ] {
            assert!(is_agent(person), "{person}");
        }
        for thing in [
            "server",
            "folder",
            "parameter",
            "checklist",
            "department",
            "color",
            "order",
            "city",
        ] {
            assert!(!is_agent(thing), "{thing}");
        }
    }
}
