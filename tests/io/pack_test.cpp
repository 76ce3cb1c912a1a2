#include "io/pack.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "io/error.hpp"

namespace pghaul::io {
namespace {

Block block_of(const std::string& bytes, std::uint64_t messages) {
    return {{bytes.begin(), bytes.end()}, messages};
}

std::string_view view(const std::vector<char>& bytes) { return {bytes.data(), bytes.size()}; }

std::string packed(const Block& block, PackEffort effort = PackEffort::fast) {
    std::vector<char> bytes;
    pack(block, bytes, effort);
    return {bytes.begin(), bytes.end()};
}

Block unpacked(std::string_view bytes) {
    Block block;
    unpack(bytes, block);
    return block;
}

std::string random_bytes(std::size_t size, std::mt19937& random) {
    std::string bytes(size, '\0');
    for (auto& byte : bytes) byte = static_cast<char>(random());
    return bytes;
}

constexpr PackEffort kEfforts[] = {PackEffort::fast, PackEffort::hard, PackEffort::hardest};

std::string from_hex(const std::string& text) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < text.size();) {
        if (text[i] == ' ') {
            ++i;
            continue;
        }
        bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
        i += 2;
    }
    return bytes;
}

std::string rows(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += std::to_string(i) + "\tthe same words again\n";
    return text;
}

std::string refusal_of(std::string_view bytes) {
    try {
        unpacked(bytes);
    } catch (const Error& error) {
        EXPECT_FALSE(error.hint().empty());
        return error.what();
    }
    return {};
}

TEST(Pack, GivesBackWhatItWasGiven) {
    std::mt19937 random(20261126);
    for (const auto& bytes :
         {std::string(), std::string("x"), std::string("\0\n\t", 3), rows(7), rows(10000),
          std::string(kBlockBytes + 12345, 'a'), random_bytes(kBlockBytes, random)}) {
        const auto block = block_of(bytes, bytes.size() / 3);
        for (const auto effort : kEfforts) {
            const auto back = unpacked(packed(block, effort));
            EXPECT_EQ(back.bytes, block.bytes);
            EXPECT_EQ(back.messages, block.messages);
        }
    }
}

TEST(Pack, ShrinksRowsAndStoresWhatDoesNotShrink) {
    std::mt19937 random(20261126);
    const auto text = packed(block_of(rows(10000), 10000));
    EXPECT_LT(text.size(), rows(10000).size() / 3);
    EXPECT_EQ(read_pack_header(text).method, PackMethod::lz4);
    const auto noise = random_bytes(kBlockBytes, random);
    const auto stored = packed(block_of(noise, 1));
    EXPECT_EQ(stored.size(), kPackHeaderBytes + noise.size());
    EXPECT_EQ(read_pack_header(stored).method, PackMethod::stored);
    EXPECT_EQ(stored.substr(kPackHeaderBytes), noise);
}

TEST(Pack, MakesLessOfRowsForMoreEffort) {
    std::mt19937 random(20261126);
    std::string text;
    for (int i = 0; i < 5000; ++i) {
        text += std::to_string(i) + "\tcustomer " + std::to_string(random() % 500) + "\t2026-11-" +
                std::to_string(10 + random() % 20) + "\t" + std::to_string(random() % 9999) + "\n";
    }
    const auto block = block_of(text, 5000);
    auto size = packed(block).size();
    for (const auto effort : {PackEffort::hard, PackEffort::hardest}) {
        const auto harder = packed(block, effort);
        EXPECT_LT(harder.size(), size);
        EXPECT_EQ(harder, packed(block, effort)) << "the room it reuses leaves no trace";
        size = harder.size();
    }
}

TEST(Pack, ReusesTheRoomOfAnotherBlock) {
    std::vector<char> bytes;
    pack(block_of(rows(10000), 10000), bytes);
    pack(block_of("short", 1), bytes);
    Block block = block_of(rows(10000), 10000);
    unpack(view(bytes), block);
    EXPECT_EQ(view(block.bytes), "short");
    EXPECT_EQ(block.messages, 1U);
}

TEST(PackFormat, IsReadAsItHasAlwaysBeenWritten) {
    const auto stored = from_hex(
        "50474842 01 00 0000 0c000000 0c000000 02000000 12ffbb02628d8a24 4d1a4f5e"
        "31096f6e650a 320974776f0a");
    const auto lz4 = from_hex(
        "50474842 01 01 0000 2d010000 0c000000 01000000 ded6b7d26bf05358 0610501f"
        "1f78 0100 ff15 50 787878780a");
    EXPECT_EQ(view(unpacked(stored).bytes), "1\tone\n2\ttwo\n");
    EXPECT_EQ(unpacked(stored).messages, 2U);
    EXPECT_EQ(view(unpacked(lz4).bytes), std::string(300, 'x') + "\n");
    EXPECT_EQ(unpacked(lz4).messages, 1U);
    EXPECT_EQ(packed(block_of("1\tone\n2\ttwo\n", 2)), stored);
}

TEST(PackFormat, NoticesAnyByteThatHasChanged) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    for (const auto& block : {block_of(rows(60), 60), block_of(random_bytes(200, random), 1)}) {
        const auto good = packed(block);
        int noticed = 0;
        for (std::size_t i = 0; i < good.size(); ++i) {
            auto bad = good;
            bad[i] = static_cast<char>(bad[i] ^ static_cast<char>(1 + random() % 255));
            try {
                const auto back = unpacked(bad);
                // lz4 may say the same in another way; that is no damage.
                EXPECT_EQ(back.bytes, block.bytes) << "byte " << i;
                EXPECT_EQ(back.messages, block.messages) << "byte " << i;
                EXPECT_GE(i, kPackHeaderBytes) << "byte " << i << " of the header means nothing";
            } catch (const Error&) {
                ++noticed;
            }
        }
        EXPECT_GT(noticed, static_cast<int>(good.size()) * 9 / 10);
    }
}

TEST(PackFormat, NoticesWhatIsMissingOrTooMuch) {
    const auto good = packed(block_of(rows(60), 60));
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_NE(refusal_of(std::string_view(good).substr(0, size)), "") << size << " bytes";
    }
    EXPECT_NE(refusal_of(good + "x").find("instead of"), std::string::npos);
}

TEST(PackFormat, SaysWhatIsWrong) {
    const auto good = packed(block_of(rows(60), 60));
    const auto changed = [&](std::size_t at) {
        auto bad = good;
        bad[at] = static_cast<char>(bad[at] ^ 0x40);
        return refusal_of(bad);
    };
    EXPECT_NE(changed(0).find("does not begin as one"), std::string::npos);
    EXPECT_NE(changed(4).find("version"), std::string::npos);
    EXPECT_NE(changed(9).find("checksum of its header"), std::string::npos);
    auto other = packed(block_of(rows(61), 60));
    other.replace(0, kPackHeaderBytes, good, 0, kPackHeaderBytes);
    other.resize(good.size());
    EXPECT_NE(refusal_of(other), "") << "the bytes of another block";
    EXPECT_NE(refusal_of(std::string(kPackHeaderBytes, '\0')), "");
}

}  // namespace
}  // namespace pghaul::io
