// The sum of one number per thread, for shaders with one workgroup per row.

const THREADS: u32 = 64u;

var<workgroup> partial_sums: array<f32, 64>;

fn total(sum: f32, thread: u32) -> f32 {
    workgroupBarrier();
    partial_sums[thread] = sum;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (thread < half) {
            partial_sums[thread] += partial_sums[thread + half];
        }
    }
    workgroupBarrier();
    return partial_sums[0];
}
