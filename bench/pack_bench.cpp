// What packing costs a stream: a block packed, unpacked, and its checksum alone, on rows as COPY
// sends them and on bytes that nothing shrinks.
//
//   cmake --preset release -DPGHAUL_BENCH=ON && cmake --build --preset release --target
//   pghaul_bench build/release/bench/pghaul_bench --benchmark_filter=Pack
//   --benchmark_repetitions=10
//
// Bytes per second are of the raw block.
#include <benchmark/benchmark.h>
#include <xxhash.h>

#include <random>
#include <string>

#include "io/pack.hpp"

namespace pghaul {
namespace {

enum Kind { rows, noise };

/// A full block of that kind.
io::Block block_of(std::int64_t kind) {
    std::mt19937 random(1);
    io::Block block;
    std::string next;
    for (int i = 0; block.bytes.size() < io::kBlockBytes; ++i) {
        if (kind == rows) {
            next = std::to_string(1000000 + i) + "\tcustomer " + std::to_string(random() % 5000) +
                   "\t2026-11-" + std::to_string(10 + random() % 20) + " 12:00:00\t" +
                   std::to_string(random() % 100000) + ".50\topen\n";
        } else {
            next.resize(64);
            for (auto& byte : next) byte = static_cast<char>(random());
        }
        block.bytes.insert(block.bytes.end(), next.begin(), next.end());
        ++block.messages;
    }
    return block;
}

void BM_PackBlock(benchmark::State& state) {
    const auto block = block_of(state.range(0));
    std::vector<char> packed;
    for (auto _ : state) {
        io::pack(block, packed);
        benchmark::DoNotOptimize(packed.data());
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(block.bytes.size()));
    state.counters["ratio"] =
        static_cast<double>(block.bytes.size()) / static_cast<double>(packed.size());
}
BENCHMARK(BM_PackBlock)->Arg(rows)->Arg(noise)->ArgName("noise");

void BM_UnpackBlock(benchmark::State& state) {
    auto block = block_of(state.range(0));
    std::vector<char> packed;
    io::pack(block, packed);
    for (auto _ : state) {
        io::unpack({packed.data(), packed.size()}, block);
        benchmark::DoNotOptimize(block.bytes.data());
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(block.bytes.size()));
}
BENCHMARK(BM_UnpackBlock)->Arg(rows)->Arg(noise)->ArgName("noise");

void BM_PackChecksum(benchmark::State& state) {
    const auto block = block_of(rows);
    for (auto _ : state) {
        benchmark::DoNotOptimize(XXH3_64bits(block.bytes.data(), block.bytes.size()));
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(block.bytes.size()));
}
BENCHMARK(BM_PackChecksum);

}  // namespace
}  // namespace pghaul
