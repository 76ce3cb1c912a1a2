// What a spool file's way to the disk and back costs: the Ring with io_uring, the same calls with
// pwrite and pread, and both with O_DIRECT; beside a worker that packs nothing, so the disk is what
// is measured.
//
//   cmake --preset release -DPGHAUL_BENCH=ON
//   cmake --build --preset release --target pghaul_bench
//   TMPDIR=/var/tmp build/release/bench/pghaul_bench --benchmark_filter=Ring
//   --benchmark_repetitions=10 --benchmark_out=result.json
//
// Files of 256 MB are made and removed in TMPDIR, which should be on a disk, not a tmpfs. Each
// write ends with fdatasync, as a spool file's does; reads begin with a file that is out of the
// page cache as far as the kernel follows posix_fadvise.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "io/file_descriptor.hpp"
#include "io/ring.hpp"
#include "io/temp_dir.hpp"

namespace pghaul {
namespace {

constexpr std::size_t kFileBytes = std::size_t{256} << 20;

enum class Disk { cached, direct };

io::FileDescriptor open_file(const std::string& path, int flags, Disk disk) {
    return io::FileDescriptor(
        ::open(path.c_str(), flags | O_CLOEXEC | (disk == Disk::direct ? O_DIRECT : 0), 0600));
}

bool write_file(io::Ring& ring, int fd) {
    std::size_t number = 0;
    for (std::size_t at = 0; at < kFileBytes; at += ring.buffer_bytes()) {
        if (ring.await(number) < 0) return false;
        // As a writer does, which copies packed blocks together.
        std::memset(ring.buffer(number), static_cast<int>(at >> 12), ring.buffer_bytes());
        ring.write(number, fd, ring.buffer_bytes(), at);
        number = (number + 1) % ring.buffers();
    }
    bool good = true;
    for (std::size_t i = 0; i < ring.buffers(); ++i) good &= ring.await(i) > 0;
    return good && ::fdatasync(fd) == 0;
}

bool read_back(io::Ring& ring, int fd, std::string& to) {
    std::size_t asked = 0;
    for (std::size_t i = 0; i < ring.buffers(); ++i, asked += ring.buffer_bytes()) {
        ring.read(i, fd, ring.buffer_bytes(), asked);
    }
    std::size_t number = 0;
    for (std::size_t at = 0; at < kFileBytes; at += ring.buffer_bytes()) {
        if (ring.await(number) <= 0) return false;
        std::memcpy(to.data(), ring.buffer(number), ring.buffer_bytes());
        if (asked < kFileBytes) ring.read(number, fd, ring.buffer_bytes(), asked);
        asked += ring.buffer_bytes();
        number = (number + 1) % ring.buffers();
    }
    return true;
}

/// state.range(0): kB of a buffer; state.range(1): how many.
io::Ring ring_of(const benchmark::State& state, io::Ring::Engine engine) {
    return {static_cast<std::size_t>(state.range(1)),
            static_cast<std::size_t>(state.range(0)) << 10, engine};
}

void BM_RingWrite(benchmark::State& state, io::Ring::Engine engine, Disk disk) {
    const io::TempDir folder;
    auto ring = ring_of(state, engine);
    for (auto _ : state) {
        const auto file = open_file(folder.path("file"), O_WRONLY | O_CREAT | O_TRUNC, disk);
        if (!file || !write_file(ring, file.get())) {
            state.SkipWithError("cannot write the file");
            return;
        }
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kFileBytes));
}

void BM_RingRead(benchmark::State& state, io::Ring::Engine engine, Disk disk) {
    const io::TempDir folder;
    auto ring = ring_of(state, engine);
    std::string to(ring.buffer_bytes(), '\0');
    {
        const auto file = open_file(folder.path("file"), O_WRONLY | O_CREAT, Disk::cached);
        if (!write_file(ring, file.get())) state.SkipWithError("cannot write the file");
    }
    for (auto _ : state) {
        state.PauseTiming();
        const auto file = open_file(folder.path("file"), O_RDONLY, disk);
        ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
        state.ResumeTiming();
        if (!read_back(ring, file.get(), to)) {
            state.SkipWithError("cannot read the file");
            return;
        }
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kFileBytes));
}

void sizes(benchmark::internal::Benchmark* bench) {
    bench->Args({256, 4})->Args({1024, 4})->Args({256, 16});
    bench->UseRealTime()->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond)->Iterations(3);
}

constexpr auto kUring = io::Ring::Engine::automatic;
constexpr auto kPlain = io::Ring::Engine::plain;
BENCHMARK_CAPTURE(BM_RingWrite, uring, kUring, Disk::cached)->Apply(sizes);
BENCHMARK_CAPTURE(BM_RingWrite, plain, kPlain, Disk::cached)->Apply(sizes);
BENCHMARK_CAPTURE(BM_RingWrite, uring_direct, kUring, Disk::direct)->Apply(sizes);
BENCHMARK_CAPTURE(BM_RingWrite, plain_direct, kPlain, Disk::direct)->Apply(sizes);
BENCHMARK_CAPTURE(BM_RingRead, uring, kUring, Disk::cached)->Apply(sizes);
BENCHMARK_CAPTURE(BM_RingRead, plain, kPlain, Disk::cached)->Apply(sizes);
BENCHMARK_CAPTURE(BM_RingRead, uring_direct, kUring, Disk::direct)->Apply(sizes);
BENCHMARK_CAPTURE(BM_RingRead, plain_direct, kPlain, Disk::direct)->Apply(sizes);

}  // namespace
}  // namespace pghaul
