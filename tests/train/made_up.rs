//! A made-up shop: 2,000 titles and a query for each, which names three of the title's four parts.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

const BRANDS: &[&str] =
    &["回力", "李宁", "安踏", "小米", "华为", "美的", "海尔", "优衣库", "波司登", "苏泊尔"];
const COLORS: &[&str] = &["红色", "黑色", "米白", "藏青", "粉", "军绿", "卡其", "透明", "天蓝", "紫"];
const KINDS: &[&str] =
    &["连衣裙", "阔腿裤", "运动鞋", "羽绒服", "保温杯", "手机壳", "电饭煲", "吹风机", "书包", "耳机"];
const STYLES: &[&str] = &["冬", "夏季", "儿童", "学生", "大码", "高腰", "复古", "加绒", "便携", "静音"];
/// Queries that are not trained on.
const DEV: usize = 200;

/// The files of a shop.
pub struct Shop {
    pub corpus: PathBuf,
    pub queries: PathBuf,
    pub qrels: PathBuf,
    pub dev_queries: PathBuf,
    pub dev_qrels: PathBuf,
    /// A folder with `vocab.txt`.
    pub tokenizer: PathBuf,
}

/// Writes a shop of `count` titles.
pub fn write(folder: &Path, count: usize) -> Shop {
    let [mut corpus, mut queries, mut qrels, mut dev_queries, mut dev_qrels] = [const { String::new() }; 5];
    let mut characters = BTreeSet::new();
    for row in 0..count {
        // 7,919 is prime to 10,000: no combination comes twice.
        let number = row * 7919 % 10_000;
        let [brand, color, kind, style] =
            [BRANDS[number % 10], COLORS[number / 10 % 10], KINDS[number / 100 % 10], STYLES[number / 1000]];
        let title = format!("{brand}{style}{color}{kind}新款包邮");
        characters.extend(title.chars());
        writeln!(corpus, "p{row}\t{title}").unwrap();
        let is_dev = row % (count / DEV) == 0;
        let (queries, qrels) =
            if is_dev { (&mut dev_queries, &mut dev_qrels) } else { (&mut queries, &mut qrels) };
        writeln!(queries, "q{row}\t{color}{style}{kind} {brand}").unwrap();
        writeln!(qrels, "q{row}\t0\tp{row}\t1").unwrap();
    }
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned);
    let vocabulary: Vec<String> = special.into_iter().chain(characters.iter().map(char::to_string)).collect();
    let shop = Shop {
        corpus: folder.join("corpus.tsv"),
        queries: folder.join("train.query.txt"),
        qrels: folder.join("qrels.train.tsv"),
        dev_queries: folder.join("dev.query.txt"),
        dev_qrels: folder.join("qrels.dev.tsv"),
        tokenizer: folder.join("tokenizer"),
    };
    fs::create_dir_all(&shop.tokenizer).unwrap();
    for (path, text) in [
        (&shop.corpus, corpus),
        (&shop.queries, queries),
        (&shop.qrels, qrels),
        (&shop.dev_queries, dev_queries),
        (&shop.dev_qrels, dev_qrels),
        (&shop.tokenizer.join("vocab.txt"), vocabulary.join("\n") + "\n"),
    ] {
        fs::write(path, text).unwrap();
    }
    shop
}
