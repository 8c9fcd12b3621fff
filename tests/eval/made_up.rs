//! A made-up collection of product titles: 10,000 passages and 200 queries, one positive each.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

const BRANDS: &[&str] =
    &["回力", "李宁", "NIKE", "安踏", "小米", "华为", "美的", "海尔", "优衣库", "波司登", "Dyson", "苏泊尔"];
const COLORS: &[&str] = &["红色", "黑色", "米白", "藏青", "粉", "军绿", "卡其色", "透明"];
const KINDS: &[&str] = &[
    "连衣裙",
    "阔腿裤",
    "运动鞋",
    "羽绒服",
    "保温杯",
    "手机壳",
    "电饭煲",
    "吹风机",
    "书包",
    "充电器",
    "T恤",
    "牛仔裤",
    "床单",
    "台灯",
    "耳机",
    "雨伞",
];
const STYLES: &[&str] =
    &["女冬", "男夏季", "儿童", "学生", "大码", "高腰", "复古", "加绒", "便携", "家用", "静音", "ins风"];
const ENDS: &[&str] = &["新款", "包邮", "2026款", "正品\t官方", "四件套", "5000mAh", "XXL", "礼盒装"];

/// The three files, in `folder`.
pub struct Files {
    pub corpus: PathBuf,
    pub queries: PathBuf,
    pub qrels: PathBuf,
}

/// Writes the collection. Ids are strings that are no numbers in order; one text in eight has a tab.
pub fn write(folder: &Path, passages: usize) -> Files {
    let mut state = 7u64;
    let mut pick = |words: &[&'static str]| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        words[(state >> 33) as usize % words.len()]
    };
    let (mut corpus, mut queries, mut qrels) = (String::new(), String::new(), String::new());
    let (mut titles, mut row) = (HashSet::new(), 0);
    while row < passages {
        let [brand, color, kind, style, end] = [BRANDS, COLORS, KINDS, STYLES, ENDS].map(&mut pick);
        let second = pick(STYLES);
        let title = format!("{brand}{style}{second}{color}{kind}{end}");
        if !titles.insert(title.clone()) {
            continue;
        }
        corpus += &format!("p{row:05}\t{title}\n");
        if row % (passages / 200) == 0 {
            queries += &format!("q{row}\t{style}{kind}{color} {brand}\n");
            qrels += &format!("q{row}\t0\tp{row:05}\t1\n");
        }
        row += 1;
    }
    let files = Files {
        corpus: folder.join("corpus.tsv"),
        queries: folder.join("dev.query.txt"),
        qrels: folder.join("qrels.dev.tsv"),
    };
    fs::write(&files.corpus, corpus).unwrap();
    fs::write(&files.queries, queries).unwrap();
    fs::write(&files.qrels, qrels).unwrap();
    files
}
