// What packing costs a stream: a block packed, unpacked, and its checksum alone, on rows as COPY
// sends them and on bytes that nothing shrinks.
//
//   cmake --preset release -DPGHAUL_BENCH=ON && cmake --build --preset release --target
//   pghaul_bench build/release/bench/pghaul_bench --benchmark_filter=[Pp]ack
//   --benchmark_repetitions=10
//
// With PGHAUL_PACK_FILE naming what a COPY gave (psql -c "copy t to stdout (format binary)"), also
// what each of lz4's levels makes of it; level 0 is the fast mode.
//
// Bytes per second are of the raw block.
#include <benchmark/benchmark.h>
#include <lz4.h>
#include <lz4hc.h>
#include <xxhash.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
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
    const auto effort = static_cast<io::PackEffort>(state.range(1));
    std::vector<char> packed;
    for (auto _ : state) {
        io::pack(block, packed, effort);
        benchmark::DoNotOptimize(packed.data());
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(block.bytes.size()));
    state.counters["ratio"] =
        static_cast<double>(block.bytes.size()) / static_cast<double>(packed.size());
}
BENCHMARK(BM_PackBlock)->ArgsProduct({{rows, noise}, {0, 1, 2}})->ArgNames({"noise", "effort"});

void BM_Lz4Level(benchmark::State& state) {
    const char* path = std::getenv("PGHAUL_PACK_FILE");
    std::vector<char> bytes;
    if (path != nullptr) {
        std::ifstream file(path, std::ios::binary);
        bytes.assign(std::istreambuf_iterator<char>(file), {});
    }
    if (bytes.empty()) return state.SkipWithError("PGHAUL_PACK_FILE names no file");
    const int level = static_cast<int>(state.range(0));
    constexpr int kBlock = static_cast<int>(io::kBlockBytes);
    std::vector<char> room(static_cast<std::size_t>(LZ4_compressBound(kBlock)));
    const int most = static_cast<int>(room.size());
    std::int64_t packed = 0;
    for (auto _ : state) {
        packed = 0;
        for (std::size_t at = 0; at < bytes.size(); at += io::kBlockBytes) {
            const char* from = bytes.data() + at;
            const int size = static_cast<int>(std::min(io::kBlockBytes, bytes.size() - at));
            packed += level == 0 ? LZ4_compress_default(from, room.data(), size, most)
                                 : LZ4_compress_HC(from, room.data(), size, most, level);
        }
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
    state.counters["ratio"] = static_cast<double>(bytes.size()) / static_cast<double>(packed);
}
BENCHMARK(BM_Lz4Level)->Arg(0)->DenseRange(3, 12)->ArgName("level")->Unit(benchmark::kMillisecond);

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
