use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, UInt32Type, UInt64Type};
use arrow_array::{
    Array, BinaryArray, BinaryViewArray, DictionaryArray, Int64Array, LargeBinaryArray, LargeStringArray,
    NullArray, StringArray, StringViewArray, new_null_array,
};
use arrow_schema::DataType;
use proptest::prelude::*;

use super::*;
use crate::url::{Level, Setting};

const SUFFIXES: &str = "com\nuk\nco.uk\n";

fn columns(settings: &[Setting]) -> ColumnNormalizer {
    let suffixes = Arc::new(PublicSuffixList::parse(SUFFIXES).unwrap());
    ColumnNormalizer::new(suffixes, UrlOptions::with(settings).unwrap())
}

fn threads(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

/// Every column of a row, as text.
type Row = [Option<String>; 8];

fn rows(array: &StructArray) -> Vec<Row> {
    let text = |index: usize, row: usize| {
        let column = array.column(index).as_string::<i32>();
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    let number = |index: usize, row: usize| {
        let column = array.column(index).as_primitive::<UInt64Type>();
        column.is_valid(row).then(|| column.value(row).to_string())
    };
    let flags = array.column(7).as_primitive::<UInt32Type>();
    let url_id = array.column(3).as_fixed_size_binary();
    let row = |row: usize| {
        [
            text(0, row),
            text(1, row),
            text(2, row),
            url_id.is_valid(row).then(|| format!("{:?}", url_id.value(row))),
            number(4, row),
            number(5, row),
            text(6, row),
            flags.is_valid(row).then(|| flags.value(row).to_string()),
        ]
    };
    (0..array.len()).map(row).collect()
}

fn row_of(columns: &ColumnNormalizer, url: Option<&str>, base: Option<&str>) -> Row {
    let mut out = Vec::new();
    let Some(url) = url else { return Row::default() };
    match columns.with_normalizer(|normalizer| normalizer.normalize(url.as_bytes(), base, &mut out)) {
        Err(reason) => {
            let mut row = Row::default();
            row[6] = Some(reason.name().to_owned());
            row
        }
        Ok(got) => {
            let text = |range: std::ops::Range<usize>| String::from_utf8(out[range].to_vec()).unwrap();
            let has_host = !got.host.is_empty();
            let id = format!("{:?}", url_id(&out[got.url.clone()]));
            let domain = text(got.domain);
            [
                Some(text(got.url)),
                has_host.then(|| text(got.host)),
                has_host.then(|| domain.clone()),
                Some(id),
                has_host.then(|| got.domain_id.to_string()),
                Some(got.cluster_key.to_string()),
                None,
                Some(got.flags.bits().to_string()),
            ]
        }
    }
}

fn as_type(texts: &[Option<String>], kind: usize) -> ArrayRef {
    let strings = || texts.iter().map(Option::as_deref);
    let bytes = || texts.iter().map(|text| text.as_deref().map(str::as_bytes));
    match kind {
        0 => Arc::new(strings().collect::<StringArray>()),
        1 => Arc::new(strings().collect::<LargeStringArray>()),
        2 => Arc::new(strings().collect::<StringViewArray>()),
        3 => Arc::new(bytes().collect::<BinaryArray>()),
        4 => Arc::new(bytes().collect::<LargeBinaryArray>()),
        5 => Arc::new(bytes().collect::<BinaryViewArray>()),
        _ => Arc::new(strings().collect::<DictionaryArray<Int8Type>>()),
    }
}

fn urls() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        Just(None),
        "[a-c]{0,3}(/[a-c?&=#%]{0,4}){0,2}".prop_map(Some),
        "(https?|mailto)://(www\\.)?[a-b]{1,2}\\.(com|co\\.uk)(/[a-c.%;]{0,4}){0,2}(\\?[a-c&=]{0,5})?"
            .prop_map(Some),
        any::<String>().prop_map(Some),
    ]
}

proptest! {
    #[test]
    fn a_column_is_its_rows(
        // More than are begun before they are completed.
        texts in prop::collection::vec(urls(), 0..80),
        bases in prop::collection::vec(urls(), 80),
        kind in 0_usize..7,
        cuts in (0_usize..6, 0_usize..6),
        level in prop::sample::select(&Level::ALL[..]),
    ) {
        let columns = columns(&[Setting::Level(level)]);
        let array = as_type(&texts, kind);
        let start = cuts.0.min(texts.len());
        let middle = (start + cuts.1).min(texts.len());
        let chunks = [array.slice(start, middle - start), array.slice(middle, texts.len() - middle)];
        let texts = &texts[start..];
        let bases = &bases[..texts.len()];
        let one = Some("http://a.com/b/c");
        let got = columns.normalize(&chunks, Bases::One(one), threads(1)).unwrap();
        let wanted: Vec<Row> = texts.iter().map(|text| row_of(&columns, text.as_deref(), one)).collect();
        prop_assert_eq!(got.iter().flat_map(rows).collect::<Vec<_>>(), wanted);
        let got = columns.normalize(&chunks, Bases::PerRow(&[as_type(bases, 6 - kind)]), threads(1)).unwrap();
        let pairs = texts.iter().zip(bases);
        let wanted: Vec<Row> = pairs.map(|(text, base)| row_of(&columns, text.as_deref(), base.as_deref())).collect();
        prop_assert_eq!(got.iter().flat_map(rows).collect::<Vec<_>>(), wanted);
    }
}

#[test]
fn threads_change_nothing() {
    let columns = columns(&[]);
    let text = |row: usize| match row % 7 {
        0 => None,
        1 => Some(format!("mailto:{row}")),
        _ => Some(format!("http://h{}.co.uk/{}?utm_x=1&a={row}", row % 100, "b".repeat(row % 50))),
    };
    let texts: Vec<Option<String>> = (0..5 * TASK_ROWS + 17).map(text).collect();
    let array = as_type(&texts, 0);
    let chunks = [
        array.slice(0, 3),
        array.slice(3, 2 * TASK_ROWS),
        array.slice(3 + 2 * TASK_ROWS, texts.len() - 3 - 2 * TASK_ROWS),
    ];
    let one = columns.normalize(&chunks, Bases::One(None), threads(1)).unwrap();
    assert_eq!((one.len(), one[0].len()), (1, texts.len()));
    for count in [2, 3, 8] {
        assert_eq!(columns.normalize(&chunks, Bases::One(None), threads(count)).unwrap(), one);
    }
    assert_eq!(columns.normalize(&[array], Bases::One(None), threads(2)).unwrap(), one);
}

#[test]
fn nothing_gives_nothing_and_nulls_give_nulls() {
    let columns = columns(&[]);
    for chunks in [vec![], vec![as_type(&[], 0)]] {
        let got = columns.normalize(&chunks, Bases::One(None), threads(2)).unwrap();
        assert_eq!(got.iter().map(Array::len).collect::<Vec<_>>(), [0]);
    }
    let nulls: [ArrayRef; 3] = [
        Arc::new(NullArray::new(2)),
        new_null_array(&DataType::Utf8, 2),
        new_null_array(&DataType::Dictionary(Box::new(DataType::UInt8), Box::new(DataType::Utf8)), 2),
    ];
    for array in nulls {
        let got = columns.normalize(&[array], Bases::One(Some("http://a.com")), threads(1)).unwrap();
        assert_eq!(rows(&got[0]), [Row::default(), Row::default()]);
    }
}

#[test]
fn what_is_no_text_is_refused() {
    let columns = columns(&[]);
    let (numbers, texts): (ArrayRef, _) = (Arc::new(Int64Array::from(vec![1])), as_type(&[None, None], 0));
    let refused = |urls: &ArrayRef, bases: &ArrayRef| {
        columns
            .normalize(std::slice::from_ref(urls), Bases::PerRow(std::slice::from_ref(bases)), threads(1))
            .unwrap_err()
            .to_string()
    };
    assert!(refused(&numbers, &numbers).starts_with("the array of bases holds Int64; wanted strings"));
    assert!(refused(&texts, &numbers).starts_with("there are 2 URLs and 1 bases"));
    assert!(refused(&numbers, &texts.slice(0, 1)).starts_with("the array of URLs holds Int64"));
}

#[test]
fn bytes_that_are_no_text_are_refused_by_row() {
    let array: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"http://a.com/\xff", b"http://a.com/"]));
    let got = columns(&[]).normalize(&[array], Bases::One(None), threads(1)).unwrap();
    let reasons: Vec<Option<String>> = rows(&got[0]).into_iter().map(|mut row| row[6].take()).collect();
    assert_eq!(reasons, [Some("BAD_UTF8".to_owned()), None]);
}
