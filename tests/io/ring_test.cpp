#include "io/ring.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "io/file_descriptor.hpp"
#include "io/temp_dir.hpp"

namespace pghaul::io {
namespace {

/// Both engines must do the same; where the kernel denies io_uring, both are the plain one.
class RingOf : public testing::TestWithParam<Ring::Engine> {
  protected:
    FileDescriptor open(const std::string& name, int flags) const {
        FileDescriptor file(::open(folder_.path(name).c_str(), flags | O_CLOEXEC, 0600));
        EXPECT_TRUE(file) << std::strerror(errno);
        return file;
    }

    TempDir folder_;
};

TEST_P(RingOf, GivesBackWhatWasWrittenWithAllBuffersUnderWay) {
    constexpr std::size_t kParts = 40;
    Ring ring(4, 8192, GetParam());
    std::string written;
    const auto file = open("file", O_RDWR | O_CREAT);
    for (std::size_t part = 0; part < kParts; ++part) {
        const std::size_t number = part % ring.buffers();
        ASSERT_GE(ring.await(number), 0);
        const std::string bytes(1000 + part * 100, static_cast<char>('a' + part % 26));
        std::memcpy(ring.buffer(number), bytes.data(), bytes.size());
        ring.write(number, file.get(), bytes.size(), written.size());
        written += bytes;
    }
    for (std::size_t i = 0; i < ring.buffers(); ++i) ASSERT_GT(ring.await(i), 0);
    EXPECT_EQ(read_file(folder_.path("file")), written);

    std::string read;
    for (std::size_t i = 0; i < ring.buffers(); ++i) ring.read(i, file.get(), 8192, i * 8192);
    for (std::size_t i = 0;; i = (i + 1) % ring.buffers()) {
        const auto got = ring.await(i);
        ASSERT_GE(got, 0);
        read.append(ring.buffer(i), static_cast<std::size_t>(got));
        if (got < 8192) break;
        ring.read(i, file.get(), 8192, read.size() + (ring.buffers() - 1) * 8192);
    }
    EXPECT_EQ(read, written);
}

TEST_P(RingOf, TellsTheKernelsErrors) {
    Ring ring(2, 4096, GetParam());
    const auto file = open("file", O_RDONLY | O_CREAT);
    ring.write(0, file.get(), 100, 0);
    ring.read(1, file.get(), 100, 0);
    EXPECT_EQ(ring.await(0), -EBADF) << "not open for writing";
    EXPECT_EQ(ring.await(1), 0) << "the end of the file is no error";
    // The buffer can be used again.
    ring.read(0, file.get(), 100, 0);
    EXPECT_EQ(ring.await(0), 0);
    const auto full = FileDescriptor(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    ring.write(0, full.get(), 100, 0);
    EXPECT_EQ(ring.await(0), -ENOSPC);
}

TEST_P(RingOf, AsksForNothingWhenNothingIsAsked) {
    Ring ring(2, 4096, GetParam());
    EXPECT_EQ(ring.await(0), 0);
    ring.write(0, -1, 0, 0);
    EXPECT_EQ(ring.await(0), 0);
}

TEST_P(RingOf, CanBeDestroyedWithRequestsUnderWay) {
    const auto file = open("file", O_RDWR | O_CREAT);
    {
        Ring ring(8, 1 << 20, GetParam());
        for (std::size_t i = 0; i < ring.buffers(); ++i) {
            ring.write(i, file.get(), ring.buffer_bytes(), i * ring.buffer_bytes());
        }
    }
    struct stat about {};
    ASSERT_EQ(::fstat(file.get(), &about), 0);
    EXPECT_EQ(about.st_size, 8 << 20);
}

INSTANTIATE_TEST_SUITE_P(Each, RingOf,
                         testing::Values(Ring::Engine::automatic, Ring::Engine::plain),
                         [](const auto& param) {
                             return param.param == Ring::Engine::plain ? "Plain" : "Automatic";
                         });

TEST(Ring, CanBeToldNotToUseTheKernelsRing) {
    ::setenv("PGHAUL_IO_URING", "off", 1);
    EXPECT_FALSE(Ring(2, 4096).uses_io_uring());
    ::unsetenv("PGHAUL_IO_URING");
    EXPECT_FALSE(Ring(2, 4096, Ring::Engine::plain).uses_io_uring());
}

TEST(Ring, RoundsItsBuffersUpToWholePages) {
    Ring ring(3, 5000, Ring::Engine::plain);
    EXPECT_EQ(ring.buffer_bytes(), 8192U);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(ring.buffer(1)) % 4096, 0U);
}

}  // namespace
}  // namespace pghaul::io
