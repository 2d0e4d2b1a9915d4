//! The language of error messages, by `Accept-Language` (RFC 9110, 12.5.4).

use std::cmp::Reverse;

use http::{HeaderMap, header::ACCEPT_LANGUAGE};

/// A language that error messages are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// Of any country; also for whoever asks for neither language.
    English,
    /// Simplified, of any country.
    Chinese,
}

impl Language {
    /// What the caller likes best of the two. Ranges that can't be read are passed over.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT_LANGUAGE).iter();
        let texts = values.filter_map(|value| value.to_str().ok());
        let ranges: Vec<_> = texts
            .flat_map(|text| text.split(','))
            .filter_map(Range::read)
            .collect();
        let chinese = wish(&ranges, "zh");
        if chinese.is_some() && chinese > wish(&ranges, "en") {
            Self::Chinese
        } else {
            Self::English
        }
    }

    /// As `Content-Language` has it.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en-US",
            Self::Chinese => "zh-CN",
        }
    }
}

/// How much a language is wished for: by quality, then by who comes first. None if it isn't.
type Wish = Option<(u16, Reverse<usize>)>;

/// A language that isn't named is as welcome as `*`.
fn wish(ranges: &[Range<'_>], language: &str) -> Wish {
    let best = |language: &str| {
        let named = |range: &Range<'_>| range.language.eq_ignore_ascii_case(language);
        let places = ranges.iter().enumerate();
        places
            .filter(|(_, range)| named(range))
            .map(|(place, range)| (range.quality, Reverse(place)))
            .max()
    };
    best(language)
        .or_else(|| best("*"))
        .filter(|(quality, _)| *quality > 0)
}

/// `zh-CN;q=0.8`, of which the country doesn't matter here.
struct Range<'a> {
    language: &'a str,
    /// In thousandths.
    quality: u16,
}

impl<'a> Range<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let language = parts.next()?.split('-').next()?;
        let quality = match parts.next() {
            Some(weight) => thousandths(weight)?,
            None => 1000,
        };
        (!language.is_empty()).then_some(Self { language, quality })
    }
}

/// `q=0.8` as 800: at most three digits, at most 1.
fn thousandths(weight: &str) -> Option<u16> {
    let (name, value) = weight.split_once('=')?;
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let digits = fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !name.eq_ignore_ascii_case("q") || fraction.len() > 3 || !digits {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match (whole, fraction) {
        ("0", fraction) => Some(fraction),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn asked(values: &[&'static str]) -> Language {
        let headers = values
            .iter()
            .map(|value| (ACCEPT_LANGUAGE, HeaderValue::from_static(value)));
        Language::of(&headers.collect())
    }

    #[test]
    fn the_better_liked_language_is_spoken() {
        for chinese in [
            "zh",
            "zh-CN",
            "ZH-cn",
            "zh-Hans-CN",
            "zh-CN,zh;q=0.9,en;q=0.8",
            "en;q=0.5, zh;q=0.6",
            "en;q=0.8,zh;q=0.801",
            "fr, zh;q=0.1",
            "zh,en",
            "*;q=0.5, zh",
            "*, en;q=0",
            "en;q=2, zh;q=0.1",
            "en;q=x, zh;q=0.1",
            "zh ; Q=1.000",
        ] {
            assert_eq!(asked(&[chinese]), Language::Chinese, "{chinese}");
        }
        for english in [
            "",
            "en",
            "en-GB,zh;q=0.9",
            "en,zh",
            "fr",
            "*",
            "zh;q=0",
            "zh;q=0.000, fr",
            "zh;q=0.1, *;q=0.5",
            "zh;q=1.1",
            "zh;q=-1",
            "zh;q=0.1234",
            "zh;q=nan",
            "zhuang",
            ",;,;q=1",
        ] {
            assert_eq!(asked(&[english]), Language::English, "{english}");
        }
        assert_eq!(asked(&["fr", "zh;q=0.2"]), Language::Chinese);
        assert_eq!(asked(&[]), Language::English);
    }

    #[test]
    fn a_header_that_is_no_text_asks_for_nothing() {
        let value = HeaderValue::from_bytes(b"zh\xff").unwrap();
        let headers = HeaderMap::from_iter([(ACCEPT_LANGUAGE, value)]);
        assert_eq!(Language::of(&headers), Language::English);
    }
}
