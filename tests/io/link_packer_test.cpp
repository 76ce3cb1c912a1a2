#include "io/link_packer.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace pghaul::io {
namespace {

using namespace std::chrono_literals;
using Clock = EffortJudge::Clock;

std::chrono::nanoseconds nothing_else_to_do() { return Clock::now().time_since_epoch(); }
std::chrono::nanoseconds no_core_to_spare() { return 0ns; }

Block block_of(std::size_t size) {
    Block block;
    for (int i = 0; block.bytes.size() < size; ++i) {
        const auto row = std::to_string(i * 7919 % 100000) + " a row " + std::to_string(i % 37);
        block.bytes.insert(block.bytes.end(), row.begin(), row.end());
        ++block.messages;
    }
    return block;
}

/// Sends a block that the output takes its time for.
std::size_t send(LinkPacker& packer, const Block& block) {
    std::vector<char> packed;
    packer.pack(block, packed);
    const auto began = Clock::now();
    std::this_thread::sleep_for(20ms);
    packer.sent(Clock::now() - began);
    Block back;
    unpack({packed.data(), packed.size()}, back);
    EXPECT_EQ(back.bytes, block.bytes);
    return packed.size();
}

TEST(LinkPacker, PacksHarderForASlowReader) {
    LinkPacker packer(nothing_else_to_do);
    packer.begin();
    const auto block = block_of(kBlockBytes / 8);
    const auto first = send(packer, block);
    for (int i = 0; i < 500 && packer.effort() != PackEffort::hardest; ++i) send(packer, block);
    EXPECT_EQ(packer.effort(), PackEffort::hardest);
    EXPECT_LT(send(packer, block), first);

    std::vector<char> packed;
    std::vector<char> packed_fast;
    const auto giant = block_of(kGiantBytes + 1);
    packer.pack(giant, packed);
    pack(giant, packed_fast);
    EXPECT_EQ(packed, packed_fast) << "a giant is not worth the wait";
}

TEST(LinkPacker, TakesNoCoreThatSomebodyNeeds) {
    LinkPacker packer(no_core_to_spare);
    packer.begin();
    const auto block = block_of(kBlockBytes / 8);
    for (int i = 0; i < 60; ++i) send(packer, block);
    EXPECT_EQ(packer.effort(), PackEffort::fast);
}

TEST(IdleTime, GrowsWhileThisHostHasCoresToSpare) {
    const auto before = idle_time();
    EXPECT_GT(before, 0ns);
    EXPECT_LE(before, idle_time());
}

}  // namespace
}  // namespace pghaul::io
