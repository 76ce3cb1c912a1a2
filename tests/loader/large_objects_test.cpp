#include "loader/large_objects.hpp"

#include <gtest/gtest.h>

#include "io/error.hpp"
#include "io/transaction.hpp"
#include "tests/support/equality.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::loader {
namespace {

using test::connect;
using test::error_of;
using test::fresh_database;
using test::psql;
using test::shared_cluster;

class LargeObjectsTest : public test::ServerTest {
  protected:
    LargeObjectResult copy_all(bool no_owner = false, bool no_privileges = false) {
        auto source = connect(source_, interrupt_);
        auto target = connect(target_, interrupt_);
        const io::Transaction snapshot(source, "isolation level repeatable read read only");
        LargeObjectResult total;
        for (const auto& chunk : cut_large_objects(source)) {
            io::Transaction transaction(target);
            const auto result = copy_large_objects(source, target, chunk.first, chunk.last,
                                                   no_owner, no_privileges);
            transaction.commit();
            EXPECT_EQ(result.objects, chunk.objects);
            total.objects += result.objects;
            total.bytes += result.bytes;
        }
        return total;
    }
    /// OID, owner, rights and comment of each object, and its content's hash and size.
    static std::string state(const std::string& conninfo) {
        return psql(conninfo,
                    "select m.oid, pg_get_userbyid(lomowner), lomacl, "
                    "obj_description(m.oid, 'pg_largeobject'), md5(lo_get(m.oid)), "
                    "length(lo_get(m.oid)) from pg_largeobject_metadata m order by 1");
    }

    std::string source_ = fresh_database();
    std::string target_ = fresh_database();
};

TEST_F(LargeObjectsTest, CopiesContentOfEverySize) {
    // Around the piece sizes: a first piece is 8 MB / 32 objects, later ones are 1 MB.
    psql(source_, R"sql(
        select lo_from_bytea(100000 + i::int, decode(repeat(md5(i::text), (size / 16 + 1)::int), 'hex'))
          from unnest(array[0, 1, 16, 2048, 262143, 262144, 262145, 1310720, 1310736, 5000000])
               with ordinality as s(size, i);
        select lo_truncate(lo_open(200000 + i::int, x'60000'::int), size)
          from (select lo_from_bytea(200000 + i::int, decode(repeat('ab', 3000000), 'hex')), i, size
                  from unnest(array[0, 262144, 1310720, 2359296]) with ordinality as s(size, i)
                offset 0) as made;
    )sql");
    const auto result = copy_all();
    EXPECT_EQ(result.objects, 14);
    EXPECT_EQ(std::to_string(result.bytes),
              psql(source_, "select sum(length(lo_get(oid))) from pg_largeobject_metadata"));
    EXPECT_EQ(state(target_), state(source_));
    EXPECT_EQ(test::compare_databases(source_, target_), "");
}

TEST_F(LargeObjectsTest, CopiesManySmallOnesAndLargeOnesAmongThem) {
    psql(source_,
         "select lo_from_bytea(oid, decode(repeat(md5(oid::text), case when oid % 700 = 0 "
         "then 100000 else oid % 40 end), 'hex')) from generate_series(20000, 23500) oid");
    EXPECT_EQ(copy_all().objects, 3501);
    EXPECT_EQ(state(target_), state(source_));
}

TEST_F(LargeObjectsTest, AreCutIntoRangesThatTileAllOids) {
    psql(source_,
         "select lo_create((case when i > 1500 then 4294960000 else 3 * i end)::oid) from "
         "generate_series(1, 1500) i union all select lo_create(4294967295::oid) union all "
         "select lo_create((3000000000 + i)::oid) from generate_series(1, 1000) i");
    auto source = connect(source_, interrupt_);
    const auto chunks = cut_large_objects(source);
    ASSERT_EQ(chunks.size(), 3U);
    EXPECT_EQ(chunks.front().first, 1U);
    EXPECT_EQ(chunks.back().last, 4294967295U);
    std::int64_t objects = 0;
    for (std::size_t i = 0; i < chunks.size(); ++i) {
        EXPECT_EQ(chunks[i].number, static_cast<int>(i));
        EXPECT_EQ(chunks[i].first, i == 0 ? 1 : chunks[i - 1].last + 1);
        EXPECT_EQ(psql(source_, "select count(*) from pg_largeobject_metadata where oid between " +
                                    std::to_string(chunks[i].first) + " and " +
                                    std::to_string(chunks[i].last)),
                  std::to_string(chunks[i].objects));
        objects += chunks[i].objects;
    }
    EXPECT_EQ(objects, 2501);
}

TEST_F(LargeObjectsTest, HaveNoRangesWhenThereAreNone) {
    auto source = connect(source_, interrupt_);
    EXPECT_TRUE(cut_large_objects(source).empty());
    EXPECT_EQ(copy_all().objects, 0);
}

TEST_F(LargeObjectsTest, KeepOwnerRightsAndComment) {
    psql(source_, R"sql(
        create role lo_owner; create role "lo ""reader";
        select lo_from_bytea(1000 + i, 'x') from generate_series(1, 6) i;
        alter large object 1002 owner to lo_owner;
        comment on large object 1002 is E'it''s a \\ comment';
        grant select on large object 1003 to public;
        grant update on large object 1003 to "lo ""reader" with grant option;
        alter large object 1004 owner to lo_owner;
        revoke update on large object 1004 from lo_owner;
        revoke all on large object 1005 from postgres;
        grant select on large object 1006 to lo_owner;
        grant all on large object 1006 to postgres with grant option;
    )sql");
    copy_all();
    EXPECT_EQ(state(target_), state(source_));
}

TEST_F(LargeObjectsTest, BelongToTheCopyingRoleWhenAsked) {
    psql(source_,
         "create role lo_gone; create role lo_target login; "
         "select lo_from_bytea(1001, 'x'); grant select on large object 1001 to lo_gone; "
         "alter large object 1001 owner to lo_gone; comment on large object 1001 is 'c'");
    target_ += " user=lo_target";
    EXPECT_EQ(error_of([&] { copy_all(false, true); }).sqlstate(), "42501");
    EXPECT_EQ(copy_all(true, true).objects, 1);
    EXPECT_EQ(psql(target_,
                   "select pg_get_userbyid(lomowner), lomacl is null, "
                   "obj_description(oid, 'pg_largeobject') from pg_largeobject_metadata"),
              "lo_target|t|c");
}

TEST_F(LargeObjectsTest, NeedNoSuperuser) {
    psql(source_,
         "create role lo_plain login; select lo_from_bytea(1001, 'mine'); "
         "alter large object 1001 owner to lo_plain");
    source_ += " user=lo_plain";
    target_ += " user=lo_plain";
    EXPECT_EQ(copy_all().bytes, 4);
    EXPECT_EQ(state(target_), state(source_));
}

TEST_F(LargeObjectsTest, ThatMayNotBeReadAreAnError) {
    psql(source_, "create role lo_nobody login; select lo_from_bytea(1001, 'not yours')");
    source_ += " user=lo_nobody";
    const auto error = error_of([&] { copy_all(); });
    EXPECT_EQ(error.sqlstate(), "42501");
    EXPECT_FALSE(error.hint().empty());
}

TEST_F(LargeObjectsTest, ThatExistAlreadyAreAnErrorWithTheirNumber) {
    psql(source_, "select lo_from_bytea(1001, 'new'), lo_from_bytea(1002, 'new')");
    psql(target_, "select lo_from_bytea(1002, 'old')");
    const auto error = error_of([&] { copy_all(); });
    EXPECT_STREQ(error.what(), "large object 1002 exists on the target already");
    EXPECT_EQ(psql(target_, "select oid, lo_get(oid) from pg_largeobject_metadata"),
              "1002|\\x6f6c64");
}

TEST_F(LargeObjectsTest, AreCopiedAsOfTheSnapshot) {
    psql(source_, "select lo_from_bytea(1001, 'then'), lo_from_bytea(1002, 'then')");
    auto source = connect(source_, interrupt_);
    auto target = connect(target_, interrupt_);
    const io::Transaction snapshot(source, "isolation level repeatable read read only");
    source.query({"begin_snapshot", "select 1"});
    psql(source_, "select lo_put(1001, 0, 'now!'), lo_unlink(1002), lo_from_bytea(1003, 'now!')");
    io::Transaction transaction(target);
    EXPECT_EQ(copy_large_objects(source, target, 1, 4294967295, false, false).objects, 2);
    transaction.commit();
    EXPECT_EQ(psql(target_,
                   "select oid, convert_from(lo_get(oid), 'UTF8') from "
                   "pg_largeobject_metadata order by 1"),
              "1001|then\n1002|then");
}

}  // namespace
}  // namespace pghaul::loader
