#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <numeric>
#include <random>

#include "io/error.hpp"
#include "io/pack.hpp"
#include "io/spool_reader.hpp"
#include "io/spool_writer.hpp"
#include "io/temp_dir.hpp"

namespace pghaul::io {
namespace {

const SpoolId kId{"job-7/d41d8cd98f00b204", 3, 14, 2};

std::string hex(const std::string& bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const char one : bytes) {
        const auto byte = static_cast<unsigned char>(one);
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    return text;
}

class Spool : public testing::Test {
  protected:
    std::string path() const { return folder_.path("3-14"); }

    /// Writes blocks of so many rows each; returns what their rows are together.
    std::string write(const std::vector<int>& blocks, bool seal = true) {
        SpoolWriter writer(path(), kId);
        std::string all;
        std::uint64_t rows = 0;
        std::vector<char> packed;
        for (const int count : blocks) {
            Block block;
            for (int i = 0; i < count; ++i) {
                const auto row = std::to_string(rows++) + "\tthe same words\n";
                block.bytes.insert(block.bytes.end(), row.begin(), row.end());
                ++block.messages;
            }
            all.append(block.bytes.begin(), block.bytes.end());
            pack(block, packed);
            writer.append({packed.data(), packed.size()});
        }
        if (seal) writer.seal(rows);
        return all;
    }

    std::string read(std::int64_t* rows = nullptr) const {
        SpoolReader reader(path());
        EXPECT_EQ(reader.id(), kId);
        std::string all;
        Block block;
        std::vector<char> spare;
        for (; reader.read(block); block = {}) {
            reader.unpack(block, spare);
            all.append(block.bytes.begin(), block.bytes.end());
        }
        EXPECT_FALSE(reader.read(block)) << "after the end is the end";
        if (rows != nullptr) *rows = reader.rows();
        return all;
    }

    std::string bytes() const {
        std::ifstream file(path());
        return {std::istreambuf_iterator<char>(file), {}};
    }
    void put_bytes(const std::string& bytes) const {
        std::ofstream(path(), std::ios::trunc) << bytes;
    }
    std::string refusal() const {
        try {
            read();
        } catch (const Error& error) {
            EXPECT_FALSE(error.hint().empty());
            EXPECT_NE(error.report().find(path()), std::string::npos) << error.report();
            return error.what();
        }
        return {};
    }

    TempDir folder_;
};

TEST_F(Spool, GivesBackWhatWasWritten) {
    for (const auto& blocks : std::vector<std::vector<int>>{{}, {1}, {3, 5, 1000}, {20000, 2}}) {
        const auto written = write(blocks);
        std::int64_t rows = -1;
        EXPECT_EQ(read(&rows), written);
        EXPECT_EQ(rows, std::accumulate(blocks.begin(), blocks.end(), 0));
    }
}

TEST_F(Spool, IsThereOnlyWhenItIsSealed) {
    write({10}, false);
    EXPECT_TRUE(std::filesystem::is_empty(std::filesystem::path(path()).parent_path()));
    SpoolWriter writer(path(), kId);
    EXPECT_FALSE(std::filesystem::exists(path()));
    EXPECT_TRUE(std::filesystem::exists(path() + ".part"));
    writer.seal(0);
    EXPECT_TRUE(std::filesystem::exists(path()));
    EXPECT_FALSE(std::filesystem::exists(path() + ".part"));
    struct stat about {};
    ASSERT_EQ(::stat(path().c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0600U) << "rows are nobody else's business";
    EXPECT_EQ(static_cast<std::uint64_t>(about.st_size), writer.bytes());
}

TEST_F(Spool, LeavesNothingUnsealedBehind) {
    write({10});
    folder_.write("4-1.part", "half of it");
    folder_.write("4-2.part", "");
    folder_.write("other", "kept");
    const auto folder = std::filesystem::path(path()).parent_path().string();
    EXPECT_EQ(remove_unsealed(folder), 2);
    EXPECT_EQ(remove_unsealed(folder), 0);
    EXPECT_TRUE(std::filesystem::exists(path()));
    EXPECT_TRUE(std::filesystem::exists(folder_.path("other")));
    EXPECT_THROW(remove_unsealed(folder_.path("nowhere")), Error);
}

TEST_F(Spool, NoticesAnyByteThatHasChanged) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto rows = write({40, 3});
    const auto good = bytes();
    std::size_t noticed = 0;
    for (std::size_t i = 0; i < good.size(); ++i) {
        auto bad = good;
        bad[i] = static_cast<char>(bad[i] ^ static_cast<char>(1 + random() % 255));
        put_bytes(bad);
        try {
            // lz4 may say the same in another way; that is no damage.
            EXPECT_EQ(read(), rows) << "byte " << i;
        } catch (const Error&) {
            ++noticed;
        }
    }
    EXPECT_GT(noticed, good.size() * 9 / 10);
}

TEST_F(Spool, NoticesWhatIsMissingOrTooMuch) {
    write({40, 3});
    const auto good = bytes();
    for (std::size_t size = 0; size < good.size(); size += 7) {
        put_bytes(good.substr(0, size));
        EXPECT_NE(refusal(), "") << size << " bytes";
    }
    put_bytes(good + "x");
    EXPECT_NE(refusal(), "");
    std::filesystem::remove(path());
    EXPECT_NE(refusal().find("No such file"), std::string::npos);
}

TEST_F(Spool, NoticesBlocksOutOfOrder) {
    write({3, 3});
    auto bad = bytes();
    const auto blocks =
        bad.substr(kSpoolHeaderBytes, bad.size() - kSpoolHeaderBytes - kSpoolFooterBytes);
    const auto second = blocks.find(std::string(kPackMagic), 1);
    ASSERT_NE(second, std::string::npos);
    bad.replace(kSpoolHeaderBytes, blocks.size(), blocks.substr(second) + blocks.substr(0, second));
    put_bytes(bad);
    EXPECT_NE(refusal().find("not those of its footer"), std::string::npos);
}

TEST_F(Spool, NoticesTheFooterOfAnotherFile) {
    write({3});
    const auto mine = bytes();
    {
        SpoolWriter writer(path(), {kId.job, kId.table, kId.chunk + 1, kId.snapshot});
        writer.seal(3);
    }
    const auto other = bytes();
    put_bytes(mine.substr(0, mine.size() - kSpoolFooterBytes) +
              other.substr(other.size() - kSpoolFooterBytes));
    EXPECT_NE(refusal(), "");
}

TEST_F(Spool, SaysWhyItCannotBeWrittenAndFollowsNoLink) {
    const auto elsewhere = folder_.write("elsewhere", "kept");
    ASSERT_EQ(::symlink(elsewhere.c_str(), (path() + ".part").c_str()), 0);
    for (const auto& where : {path(), folder_.path("no/such/folder")}) {
        try {
            SpoolWriter writer(where, kId);
            FAIL() << "written: " << where;
        } catch (const Error& error) {
            EXPECT_NE(std::string(error.what()).find(where), std::string::npos);
            EXPECT_FALSE(error.hint().empty());
        }
    }
    EXPECT_EQ(read_file(elsewhere), "kept");
}

/// Blocks that lz4 can't make smaller and that end anywhere in the buffers.
std::string random_bytes(std::size_t size, std::mt19937& random) {
    std::string bytes(size, '\0');
    for (auto& byte : bytes) byte = static_cast<char>(random());
    return bytes;
}

TEST_F(Spool, GivesBackFilesLargerThanItsBuffersWithAndWithoutIoUring) {
    std::mt19937 random(7);
    for (const auto engine : {Ring::Engine::automatic, Ring::Engine::plain}) {
        std::string written;
        std::vector<char> packed;
        SpoolWriter writer(path(), kId, engine);
        for (const std::size_t size : {1UL, 300000UL, 262144UL, 262112UL, 2000000UL, 77UL}) {
            const auto bytes = random_bytes(size, random);
            pack({{bytes.begin(), bytes.end()}, 1}, packed);
            writer.append({packed.data(), packed.size()});
            written += bytes;
        }
        writer.seal(6);
        EXPECT_EQ(writer.bytes(), std::filesystem::file_size(path()));
        SpoolReader reader(path(), engine);
        EXPECT_EQ(reader.file_bytes(), writer.bytes());
        std::string all;
        std::vector<char> spare;
        for (Block block; reader.read(block); block = {}) {
            reader.unpack(block, spare);
            all.append(block.bytes.begin(), block.bytes.end());
        }
        EXPECT_TRUE(all == written);
    }
}

TEST_F(Spool, NoticesAFileThatGetsShorterWhileItIsRead) {
    std::mt19937 random(7);
    {
        std::vector<char> packed;
        SpoolWriter writer(path(), kId);
        for (int i = 0; i < 20; ++i) {
            const auto bytes = random_bytes(200000, random);
            pack({{bytes.begin(), bytes.end()}, 1}, packed);
            writer.append({packed.data(), packed.size()});
        }
        writer.seal(20);
    }
    SpoolReader reader(path());
    Block block;
    ASSERT_TRUE(reader.read(block));
    std::filesystem::resize_file(path(), 3000000);
    EXPECT_THROW(while (reader.read(block)){}, SpoolDamaged);
}

TEST(SpoolFormat, IsReadAsItHasAlwaysBeenWritten) {
    const auto header = spool_header({"job", 1, 2, 3});
    EXPECT_EQ(header.substr(0, 27),
              std::string("PGHS\1\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\3\0\0\0job", 27));
    EXPECT_EQ(header.substr(27, 93), std::string(93, '\0'));
    EXPECT_EQ(hex(header.substr(120)), "9fb7f7ba363d154c");
    const SpoolTotals totals{7, 2, 300, 90, next_checksum(next_checksum(0, 11), 12)};
    const auto footer = spool_footer(header, totals);
    EXPECT_EQ(footer.substr(0, 40),
              std::string("PGHE\0\0\0\0\7\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\x2C\1\0\0\0\0\0\0\x5A\0\0\0"
                          "\0\0\0\0",
                          40));
    EXPECT_EQ(hex(footer.substr(40)), "785a0d69946db4d600000000000000007682afa2d83a94e2");
    EXPECT_EQ(read_spool_footer(header, footer), totals);
    EXPECT_EQ(read_spool_header(header), (SpoolId{"job", 1, 2, 3}));
    EXPECT_THROW(spool_header({std::string(97, 'x'), 1, 2, 3}), Error);
}

}  // namespace
}  // namespace pghaul::io
