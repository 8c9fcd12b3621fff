// The benchmarks' own arithmetic: what `./build.sh bench` makes of its samples. Nothing is measured here.
import "../../benches/peers/tests/bars.test.mjs";
import "../../benches/peers/tests/inputs.test.mjs";
import "../../benches/peers/tests/report.test.mjs";
import "../../benches/peers/tests/statistics.test.mjs";
