// What a row's way through pghaul itself costs: filling blocks, summing up their rows, quoting, and
// a whole COPY from one server to another over one stream. BM_CopyMemory is what to compare with:
// the memory's bandwidth for one core that copies blocks.
//
//   cmake --preset release -DPGHAUL_BENCH=ON && cmake --build --preset release --target
//   pghaul_bench build/release/bench/pghaul_bench --benchmark_repetitions=10
//   --benchmark_out=result.json
//
// The relay needs two databases: PGHAUL_BENCH_SOURCE and PGHAUL_BENCH_TARGET are their connection
// strings. It makes and drops a table public.pghaul_bench in both.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "io/copy_reader.hpp"
#include "io/copy_writer.hpp"
#include "io/row_sums.hpp"
#include "io/sql.hpp"
#include "io/transaction.hpp"

namespace pghaul {
namespace {

/// Blocks that no cache holds, from one place to another.
void BM_CopyMemory(benchmark::State& state) {
    constexpr std::size_t kBytes = std::size_t{256} << 20;
    const std::vector<char> from(kBytes, 'x');
    std::vector<char> to(kBytes);
    std::size_t at = 0;
    for (auto _ : state) {
        std::memcpy(to.data() + at, from.data() + at, io::kBlockBytes);
        benchmark::ClobberMemory();
        at = (at + io::kBlockBytes) % kBytes;
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(io::kBlockBytes));
}
BENCHMARK(BM_CopyMemory);

/// Hashes a block's rows, of state.range(0) bytes each, as the copy and the read-back do.
void BM_SumOfBlock(benchmark::State& state) {
    const std::string row =
        std::string("\0\1", 2) + std::string(static_cast<std::size_t>(state.range(0)) - 2, 'x');
    io::Block block;
    while (block.bytes.size() < io::kBlockBytes) {
        block.bytes.insert(block.bytes.end(), row.begin(), row.end());
        block.ends.push_back(static_cast<std::uint32_t>(block.bytes.size()));
    }
    for (auto _ : state) benchmark::DoNotOptimize(io::sum_of_block(block, io::RowForm::binary));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(block.bytes.size()));
}
BENCHMARK(BM_SumOfBlock)->Arg(30)->Arg(200)->Arg(8000);

/// Appends rows of state.range(0) bytes to a block until it is full, as CopyReader does.
void BM_BuildBlock(benchmark::State& state) {
    const std::string row(static_cast<std::size_t>(state.range(0)), 'x');
    io::Block block;
    std::int64_t bytes = 0;
    for (auto _ : state) {
        block.bytes.clear();
        while (block.bytes.size() < io::kBlockBytes) {
            block.bytes.insert(block.bytes.end(), row.begin(), row.end());
            ++block.messages;
        }
        benchmark::DoNotOptimize(block.bytes.data());
        bytes += static_cast<std::int64_t>(block.bytes.size());
    }
    state.SetBytesProcessed(bytes);
}
BENCHMARK(BM_BuildBlock)->Arg(30)->Arg(200)->Arg(8000);

void BM_QuoteLiteral(benchmark::State& state) {
    std::string text(static_cast<std::size_t>(state.range(0)), 'x');
    text[text.size() / 2] = '\'';
    for (auto _ : state) benchmark::DoNotOptimize(io::quote_literal(text));
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_QuoteLiteral)->Arg(20)->Arg(2000);

void BM_ParseArray(benchmark::State& state) {
    const auto text = io::array_literal(
        std::vector<std::string>(static_cast<std::size_t>(state.range(0)), "public.\"a b\""));
    for (auto _ : state) benchmark::DoNotOptimize(io::parse_array(text));
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_ParseArray)->Arg(1000);

io::Connection open(const char* conninfo, const io::Interrupt& interrupt) {
    return io::Connection::open(io::ConnInfo::parse(conninfo),
                                {"bench", "relay", "UTF8", std::chrono::milliseconds(0), {}},
                                interrupt);
}

/// state.range(0): bytes of a row's padding. One COPY each way per iteration, rolled back.
void BM_Relay(benchmark::State& state, const std::string& format) {
    const char* from = std::getenv("PGHAUL_BENCH_SOURCE");
    const char* to = std::getenv("PGHAUL_BENCH_TARGET");
    if (from == nullptr || to == nullptr) {
        state.SkipWithError("PGHAUL_BENCH_SOURCE and PGHAUL_BENCH_TARGET are not set");
        return;
    }
    constexpr std::int64_t kBytes = std::int64_t{64} << 20;
    const io::Interrupt interrupt;
    auto source = open(from, interrupt);
    auto target = open(to, interrupt);
    source.execute({"make",
                    "drop table if exists public.pghaul_bench; "
                    "create table public.pghaul_bench (id bigint, pad text); "
                    "insert into public.pghaul_bench select i, pg_catalog.repeat('x', " +
                        std::to_string(state.range(0)) + ") from pg_catalog.generate_series(1, " +
                        std::to_string(kBytes / (state.range(0) + 40)) + ") as i"});
    const std::string in = "copy public.pghaul_bench from stdin (format " + format + ")";
    const std::string out = "copy public.pghaul_bench to stdout (format " + format + ")";
    target.execute({"make",
                    "drop table if exists public.pghaul_bench; "
                    "create table public.pghaul_bench (id bigint, pad text)"});
    std::int64_t bytes = 0;
    std::int64_t rows = 0;
    for (auto _ : state) {
        const io::Transaction transaction(target);
        io::CopyReader reader(source, "copy_out", out);
        io::CopyWriter writer(target, "copy_in", in);
        io::Block block;
        while (reader.read(block)) {
            writer.write(block);
            bytes += static_cast<std::int64_t>(block.bytes.size());
            block.bytes.clear();
        }
        rows += writer.finish();
    }
    state.SetBytesProcessed(bytes);
    state.SetItemsProcessed(rows);
    for (auto* side : {&source, &target}) {
        side->execute({"drop", "drop table public.pghaul_bench"});
    }
}
BENCHMARK_CAPTURE(BM_Relay, binary, std::string("binary"))
    ->Arg(30)
    ->Arg(2000)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Relay, text, std::string("text"))
    ->Arg(30)
    ->Arg(2000)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace pghaul
