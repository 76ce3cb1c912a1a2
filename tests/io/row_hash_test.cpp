#include "io/row_hash.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "io/error.hpp"

namespace pghaul::io {
namespace {

/// Fields as binary COPY sends them.
std::string fields(const std::vector<std::optional<std::string>>& values) {
    std::string bytes;
    for (const auto& value : values) {
        const auto length = value ? static_cast<std::uint32_t>(value->size()) : 0xffffffffU;
        for (int shift = 24; shift >= 0; shift -= 8) {
            bytes += static_cast<char>(length >> shift & 0xff);
        }
        bytes += value.value_or("");
    }
    return bytes;
}

TEST(RowHash, TellsNullFromEmptyAndWhereAFieldEnds) {
    const auto hash = [](const std::vector<std::optional<std::string>>& values) {
        return hash_row(fields(values), 0).row;
    };
    EXPECT_EQ(hash({"a", "b"}), hash({"a", "b"}));
    EXPECT_NE(hash({""}), hash({std::nullopt}));
    EXPECT_NE(hash({"ab", "c"}), hash({"a", "bc"}));
    EXPECT_NE(hash({"a", std::nullopt}), hash({std::nullopt, "a"}));
}

TEST(RowHash, TakesTheKeyFromTheFirstFields) {
    const auto one = hash_row(fields({"k", "1", "x"}), 2);
    const auto other = hash_row(fields({"k", "1", "y"}), 2);
    EXPECT_EQ(one.key, other.key);
    EXPECT_NE(one.row, other.row);
    EXPECT_NE(one.key, hash_row(fields({"k", "2", "x"}), 2).key);
    const auto keyless = hash_row(fields({"k"}), 0);
    EXPECT_EQ(keyless.key, keyless.row);
    EXPECT_EQ(hash_row("", 0).row, hash_of("")) << "a row without columns";
}

TEST(RowHash, RefusesFieldsThatEndEarly) {
    const auto whole = fields({"abc", "d"});
    for (std::size_t size = 0; size < whole.size(); ++size) {
        if (size == 7) continue;  // one whole field
        std::string_view part(whole.data(), size);
        EXPECT_THROW(
            {
                take_field(part);
                take_field(part);
            },
            io::Error)
            << size;
    }
    std::string_view rest = whole;
    bool is_null = true;
    EXPECT_EQ(take_field(rest, &is_null), "abc");
    EXPECT_FALSE(is_null);
    EXPECT_EQ(take_field(rest), "d");
    EXPECT_TRUE(rest.empty());
}

TEST(RowSum, DependsOnRowsAndTheirNumberButNotOnTheirOrder) {
    const auto sum = [](const std::string& letters) {
        RowSum total;
        for (const char c : letters) total.add(hash_of(std::string(1, c)));
        return total;
    };
    EXPECT_EQ(sum("abcabd"), sum("dbacba"));
    EXPECT_FALSE(sum("aab") == sum("abb"));
    EXPECT_FALSE(sum("ab") == sum("abaa"));
    EXPECT_EQ(sum("abc").rows, 3U);
    auto parts = sum("ab");
    parts.add(sum("c"));
    EXPECT_EQ(parts, sum("cba"));
}

}  // namespace
}  // namespace pghaul::io
