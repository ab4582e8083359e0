//! The bytes of an older ledger as a table.

use domain::drills::ledger::import::{LARGEST, Table, Why};
use encoding_rs::{Encoding, GB18030, UTF_8};

/// # Errors
/// [`Why::TooLarge`], [`Why::NotText`], [`Why::NoRows`].
pub(super) fn table(bytes: &[u8]) -> Result<Table, Why> {
    if bytes.len() > LARGEST {
        return Err(Why::TooLarge { mib: LARGEST >> 20 });
    }
    let text = text(bytes).ok_or(Why::NotText)?;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(&text))
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        // It is text already, and rows may have any length.
        let record = record.map_err(|_| Why::NotText)?;
        let line = record.position().map_or(0, |it| it.line() + blank_lines(&text, it.byte()));
        let cells: Vec<String> = record.iter().map(str::to_owned).collect();
        // Spreadsheets leave empty rows behind.
        if cells.iter().any(|it| !it.trim().is_empty()) {
            rows.push((line, cells));
        }
    }
    if rows.is_empty() {
        return Err(Why::NoRows);
    }
    let (head_line, heads) = rows.remove(0);
    Ok(Table { head_line, heads, rows })
}

/// UTF-8, UTF-16 with its mark, or what Excel writes in China.
fn text(bytes: &[u8]) -> Option<String> {
    let (encoding, bytes) = match Encoding::for_bom(bytes) {
        Some((encoding, mark)) => (encoding, &bytes[mark..]),
        None if std::str::from_utf8(bytes).is_ok() => (UTF_8, bytes),
        None => (GB18030, bytes),
    };
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
    // Postgres stores every character but this one; in UTF-16 without its mark every second one is. Lines are counted by
    // their one end.
    (!text.contains('\0')).then(|| text.replace("\r\n", "\n"))
}

/// Lines without anything that stand before the row which is said to begin at this byte.
fn blank_lines(text: &str, byte: u64) -> u64 {
    let rest = usize::try_from(byte).ok().and_then(|it| text.as_bytes().get(it..));
    rest.unwrap_or_default().iter().take_while(|it| **it == b'\n').count() as u64
}

/// What separates most of the heads.
fn delimiter(text: &str) -> u8 {
    let head = text.lines().find(|it| !it.trim().is_empty()).unwrap_or_default();
    let count = |it: u8| head.bytes().filter(|byte| *byte == it).count();
    let other = [b';', b'\t'].into_iter().max_by_key(|it| count(*it)).unwrap_or(b',');
    if count(other) > count(b',') { other } else { b',' }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_in_the_encodings_that_spreadsheets_write() {
        let text = "编号;场景\r\n\r\nDR-1;\"数据库; 恢复\"\r\n;;\r\n";
        let (gbk, ..) = GB18030.encode(text);
        let utf16 = |mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| {
            mark.into_iter().chain(text.encode_utf16().flat_map(bytes)).collect::<Vec<u8>>()
        };
        for bytes in [
            text.as_bytes().to_vec(),
            format!("\u{feff}{text}").into_bytes(),
            gbk.into_owned(),
            utf16([0xff, 0xfe], u16::to_le_bytes),
            utf16([0xfe, 0xff], u16::to_be_bytes),
        ] {
            let table = table(&bytes).unwrap();
            assert_eq!(table.heads, ["编号", "场景"]);
            assert_eq!(table.rows, [(3, vec!["DR-1".to_owned(), "数据库; 恢复".to_owned()])]);
        }
    }

    #[test]
    fn what_is_no_table_is_refused() {
        let too_large = vec![b'a'; LARGEST + 1];
        for (bytes, why) in [
            (&b"\x89PNG\r\n\x1a\n\0\xff"[..], Why::NotText),
            (b"a\0,\0", Why::NotText),
            (b"", Why::NoRows),
            (b"\r\n,,\r\n", Why::NoRows),
            (&too_large, Why::TooLarge { mib: 5 }),
        ] {
            assert_eq!(table(bytes), Err(why));
        }
    }
}
