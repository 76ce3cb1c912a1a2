// The page itself: well-formed, self-contained, and of a size that can be sent, whatever the names
// of a database hold.
#include "cmd/report_page.hpp"

#include <gtest/gtest.h>

#include <regex>

#include "cmd/html.hpp"
#include "cmd/report_style.hpp"
#include "cmd/report_svg.hpp"
#include "cmd/utf8.hpp"
#include "tests/cmd/report_facts.hpp"
#include "tests/cmd/well_formed.hpp"
#include "tests/support/process.hpp"

namespace pghaul::test {
namespace {

using cmd::escape_html;
using cmd::make_report;
using cmd::page_of;

std::size_t count(const std::string& text, std::string_view words) {
    std::size_t found = 0;
    for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) {
        ++found;
    }
    return found;
}

TEST(Html, EscapesWhatCouldBeMarkup) {
    EXPECT_EQ(escape_html("<script>alert('a & \"b\"')</script>"),
              "&lt;script&gt;alert(&#39;a &amp; &quot;b&quot;&#39;)&lt;/script&gt;");
    EXPECT_EQ(escape_html("&lt;"), "&amp;lt;");
    EXPECT_EQ(cmd::Html().element("b", "c", "<i>").take(), "<b class=\"c\">&lt;i&gt;</b>");
}

TEST(Html, ShowsWhatNobodyCouldSee) {
    EXPECT_EQ(escape_html("a\nb\tc\x01\x7f"), "a\\nb\\tc\\x01\\x7f");
    EXPECT_EQ(escape_html("\u202egpj.exe"), "\\u202egpj.exe") << "turns the direction of writing";
    EXPECT_EQ(escape_html("a\u200bb\u00adc\u0085"), "a\\u200bb\\xadc\\x85");
    EXPECT_EQ(escape_html("\xff\xfe \xc3"), "\\xff\\xfe \\xc3") << "no UTF-8";
    EXPECT_EQ(escape_html("\uffff"), "\\uffff") << "XML has no place for it";
    EXPECT_EQ(escape_html("größe 表 🚚"), "größe 表 🚚");
}

TEST(Utf8, TakesNothingThatStrictReadersRefuse) {
    EXPECT_EQ(cmd::utf8_length("\xc0\xaf"), 0U) << "overlong";
    EXPECT_EQ(cmd::utf8_length("\xe0\x80\xaf"), 0U) << "overlong";
    EXPECT_EQ(cmd::utf8_length("\xf0\x80\x80\xaf"), 0U) << "overlong";
    EXPECT_EQ(cmd::utf8_length("\xed\xa0\x80"), 0U) << "a surrogate";
    EXPECT_EQ(cmd::utf8_length("\xf4\x90\x80\x80"), 0U) << "beyond U+10FFFF";
    EXPECT_EQ(cmd::utf8_length("\xe2\x82"), 0U) << "cut off";
    EXPECT_EQ(cmd::utf8_length("€"), 3U);
    EXPECT_EQ(cmd::code_point("🚚"), 0x1F69AU);
    EXPECT_EQ(cmd::as_utf8("a\xff"), "a\\xff");
}

TEST(WellFormed, FindsWhatIsNot) {
    const std::string page = "<!DOCTYPE html>\n<a b=\"c\">d<e/>&amp;</a>\n";
    EXPECT_EQ(xml_fault(page), "");
    for (const auto* broken :
         {"<a>", "<!DOCTYPE html><a>", "<!DOCTYPE html><a></b>", "<!DOCTYPE html><a b=c></a>",
          "<!DOCTYPE html><a b=\"c\" b=\"d\"/>", "<!DOCTYPE html><a>&nbsp;</a>",
          "<!DOCTYPE html><a>\x01</a>", "<!DOCTYPE html><a>\xff</a>", "<!DOCTYPE html><a b=\"<\"/>",
          "<!DOCTYPE html><a/><b/>", "<!DOCTYPE html><a>a & b</a>"}) {
        EXPECT_NE(xml_fault(broken), "") << broken;
    }
}

cmd::ReportFacts hostile_facts() {
    const std::string name =
        "</style></script><script>alert(1)</script>]]> \"a' & b\n\t\x01\xff \u202e🚚\uffff";
    auto facts = done_facts();
    facts.record.job = "shop";
    facts.record.source = "old<b>/" + name;
    facts.record.runner = name;
    facts.target = name;
    facts.target_version = name;
    facts.source.wanted = true;
    facts.source.error = name;
    for (auto& table : facts.plan.tables) table.info.name = name;
    facts.history.problems = {{name, name + "; mend " + name, at_ms(0)}};
    facts.history.hazards = {{"warning", name, name, at_ms(0)}};
    facts.history.steps.push_back({name, 1, at_ms(3000)});
    facts.history.source_version = name;
    return facts;
}

TEST(ReportPage, IsWellFormedXmlInEveryPhase) {
    EXPECT_EQ(xml_fault(page_of(make_report(done_facts()))), "");
    EXPECT_EQ(xml_fault(page_of(make_report(planned_facts()))), "");
    auto begun = planned_facts();
    begun.plan = {};
    begun.history.chunks.clear();
    begun.history.tables.clear();
    begun.history.snapshots.clear();
    EXPECT_EQ(xml_fault(page_of(make_report(begun))), "");
}

TEST(ReportPage, NeverTakesANameForMarkup) {
    const auto page = page_of(make_report(hostile_facts()));
    EXPECT_EQ(xml_fault(page), "");
    EXPECT_EQ(count(page, "<script"), 1U);
    EXPECT_EQ(count(page, "</script"), 1U);
    EXPECT_EQ(count(page, "</style"), 1U);
    EXPECT_EQ(page.find("]]>"), std::string::npos);
    EXPECT_NE(page.find("&lt;script&gt;alert(1)"), std::string::npos);
}

TEST(ReportPage, LoadsNothingAndRunsNothingButItsOwnScript) {
    const auto page = page_of(make_report(hostile_facts()));
    EXPECT_EQ(count(page, "://"), count(page, "=\"http://www.w3.org/"));
    for (const auto* word :
         {" src=", " href=", "url(", "@import", " style=", " onclick", "<link"}) {
        EXPECT_EQ(page.find(word), std::string::npos) << word;
    }
    const auto policy = page.find("Content-Security-Policy");
    ASSERT_NE(policy, std::string::npos);
    EXPECT_LT(policy, page.find("<style>")) << "it holds for what follows only";
    EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
    EXPECT_EQ(page.find("unsafe"), std::string::npos);
}

std::string base64_of_hex(const std::string& hex) {
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t k = i; k < i + 3; ++k) {
            group = group << 8 | (k < bytes.size() ? static_cast<unsigned char>(bytes[k]) : 0U);
        }
        for (int shift = 18; shift >= 0; shift -= 6) text += kDigits[(group >> shift) & 63];
    }
    const auto padding = (3 - bytes.size() % 3) % 3;
    return text.replace(text.size() - padding, padding, std::string(padding, '='));
}

std::string sha256(std::string_view text) {
    const MemoryFile file(text);
    const auto sum = run_process({"sha256sum", file.path()});
    return "sha256-" + base64_of_hex(sum.out.substr(0, 64));
}

TEST(ReportPage, HasAPolicyThatKnowsItsStyleAndScript) {
    EXPECT_EQ(sha256(cmd::kReportStyle), cmd::kReportStyleHash);
    EXPECT_EQ(sha256(cmd::kReportScript), cmd::kReportScriptHash);
    const auto page = page_of(make_report(done_facts()));
    EXPECT_NE(page.find("style-src '" + std::string(cmd::kReportStyleHash)), std::string::npos);
    EXPECT_NE(page.find("script-src '" + std::string(cmd::kReportScriptHash)), std::string::npos);
    EXPECT_NE(page.find("<style>" + std::string(cmd::kReportStyle) + "</style>"),
              std::string::npos);
}

TEST(ReportPage, SaysWhatItKnowsAndWhatItDoesNot) {
    auto facts = done_facts();
    auto page = page_of(make_report(facts));
    for (const auto* words :
         {"Copied and proved equal; following", "old:5432/shop, PostgreSQL 12.9",
          "new:5432/shop as me, PostgreSQL 16.2", "was not asked for this report",
          "running (process 4711 on mover)", "2026-11-26 06:00:00 UTC",
          "1,234 applied, in 3 windows", "public.big", "3 chunks, key ranges, binary",
          "whole, binary, freeze", "read back: equal"}) {
        EXPECT_NE(page.find(words), std::string::npos) << words;
    }
    facts.source = {true, "connection refused", "", "", false};
    page = page_of(make_report(facts));
    EXPECT_NE(page.find("could not be asked: connection refused"), std::string::npos);
    facts.source = {true, "", "12.10", "pghaul", true};
    page = page_of(make_report(facts));
    EXPECT_NE(page.find("PostgreSQL 12.10"), std::string::npos);
    EXPECT_NE(page.find("a fence refuses writes"), std::string::npos);
}

/// So many tables, each loaded as one chunk by one of eight streams.
cmd::ReportFacts many_tables(int tables) {
    auto facts = done_facts();
    facts.plan.tables.clear();
    facts.history.chunks.clear();
    facts.history.tables.clear();
    for (int i = 0; i < tables; ++i) {
        facts.plan.tables.push_back(
            planned_table(i, "a_table_with_a_longer_name_" + std::to_string(i), 1, 100'000));
        snapshot::ChunkTimes chunk;
        chunk.table = i;
        chunk.bytes = 100'000;
        facts.history.chunks.push_back(chunk);
        load(facts, static_cast<std::size_t>(i), 100 + i % 8, i / 8 * 100, i / 8 * 100 + 100,
             1'000'000 + i);
        facts.history.tables.push_back({i, at_ms(i), snapshot::Proof::read_back, at_ms(i)});
    }
    return facts;
}

TEST(ReportPage, StaysSmallForFiveThousandTables) {
    const auto page = page_of(make_report(many_tables(5000)));
    EXPECT_EQ(count(page, "<tr>"), 5001U);
    EXPECT_LT(page.size(), 3'000'000U);
    EXPECT_EQ(xml_fault(page), "");
}

TEST(ReportPage, DrawsAsOneWhatCouldNotBeToldApart) {
    const auto figure = cmd::copy_svg(make_report(many_tables(40'000)));
    EXPECT_LT(figure.size(), 1'000'000U);
    EXPECT_NE(figure.find(" more</title>"), std::string::npos);
    // Few chunks are all there.
    EXPECT_EQ(count(cmd::copy_svg(make_report(done_facts())), "<title>"), 4U);
}

}  // namespace
}  // namespace pghaul::test
