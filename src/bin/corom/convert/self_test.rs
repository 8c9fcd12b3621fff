//! The manifest's self-test: a few texts and the vectors that they must have.

use std::path::Path;

use corom::encoder::fused::Precision;
use corom::error::Result;
use corom::model::LoadOptions;
use corom::model::folder;
use corom::model::manifest::SelfTest;

/// Product texts of the model card: the query and two documents.
const TEXTS: [&str; 3] = [
    "阔腿裤女冬牛仔",
    "阔腿牛仔裤女秋冬款潮流百搭宽松。",
    "牛仔阔腿裤女大码胖mm高腰显瘦夏季薄款宽松垂感泫雅拖地裤子。",
];

/// Embeds the texts with the folder as it was written, by the crate's own
/// embedder in f32: the folder loads, and what it says is what it does.
///
/// # Errors
/// Whatever loading the folder or embedding says: such a folder is not kept.
pub(crate) fn self_test(written: &Path) -> Result<SelfTest> {
    let exact = LoadOptions { precision: Precision::F32, ..LoadOptions::default() };
    let mut embedder = folder::load(written, exact)?;
    let texts: Vec<String> = TEXTS.map(str::to_owned).into();
    let vectors = embedder.embed(&texts)?;
    let vectors = vectors.chunks_exact(embedder.dimension()).map(<[f32]>::to_vec).collect();
    Ok(SelfTest { texts, vectors })
}
