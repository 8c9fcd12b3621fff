// The benchmarks' arithmetic and reports, on made-up samples. Nothing is measured here.
import "../../benches/peers/tests/bars.test.mjs";
import "../../benches/peers/tests/inputs.test.mjs";
import "../../benches/peers/tests/native.test.mjs";
import "../../benches/peers/tests/report.test.mjs";
import "../../benches/peers/tests/statistics.test.mjs";
