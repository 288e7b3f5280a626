use std::fmt;

/// An ISO 4217 currency code of the current list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Currency([u8; 3]);

/// Active codes of ISO 4217 (list one, without funds, metals and test codes), sorted.
const CODES: &str = "\
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY \
COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS \
INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP \
MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR \
SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND \
VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";

impl Currency {
    /// A code of the list, in upper case; `None` for anything else.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        let code: [u8; 3] = code.as_bytes().try_into().ok()?;
        if code == *b"EUR" {
            return Some(Self(code));
        }
        // Codes stand at every fourth byte, so the list is searched as it is.
        let list = CODES.as_bytes();
        let (mut low, mut high) = (0, list.len().div_ceil(4));
        while low < high {
            let mid = usize::midpoint(low, high);
            match list[4 * mid..4 * mid + 3].cmp(&code) {
                std::cmp::Ordering::Less => low = mid + 1,
                std::cmp::Ordering::Greater => high = mid,
                std::cmp::Ordering::Equal => return Some(Self(code)),
            }
        }
        None
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_list_is_found_and_nothing_else() {
        let codes: Vec<_> = CODES.split(' ').collect();
        assert!(codes.is_sorted());
        assert!(codes.iter().all(|c| Currency::parse(c).is_some_and(|p| p.as_str() == *c)));
        for wrong in ["", "EU", "eur", "EURO", "XXX", "AAA", "ZZZ", "€"] {
            assert_eq!(Currency::parse(wrong), None, "{wrong}");
        }
    }
}
