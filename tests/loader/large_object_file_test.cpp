#include "loader/large_object_file.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "io/error.hpp"
#include "io/pack.hpp"
#include "io/spool_reader.hpp"
#include "io/temp_dir.hpp"
#include "io/transaction.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::loader {
namespace {

using test::connect;
using test::error_of;
using test::fresh_database;
using test::psql;

class LargeObjectFile : public test::ServerTest {
  protected:
    void store() {
        auto source = connect(source_, interrupt_);
        const io::Transaction snapshot(source, "isolation level repeatable read read only");
        io::SpoolWriter writer(path(), {"an export", 0xffffffffU, 0, 1});
        const auto result = store_large_objects(source, all_.first, all_.last, writer, progress_);
        writer.seal(static_cast<std::uint64_t>(result.objects));
    }
    LargeObjectResult load(bool no_owner = false, bool no_privileges = false) {
        auto target = connect(target_, interrupt_);
        io::Transaction transaction(target);
        io::SpoolReader reader(path());
        const auto result =
            load_large_objects(reader, target, {all_, no_owner, no_privileges, true}, progress_);
        EXPECT_EQ(result.objects, reader.rows());
        transaction.commit();
        return result;
    }
    std::string path() const { return folder_.path("objects"); }
    static std::string state(const std::string& conninfo) {
        return psql(conninfo,
                    "select m.oid, pg_get_userbyid(lomowner), lomacl, "
                    "obj_description(m.oid, 'pg_largeobject'), md5(lo_get(m.oid)), "
                    "length(lo_get(m.oid)) from pg_largeobject_metadata m order by 1");
    }

    io::TempDir folder_;
    io::StreamProgress progress_;
    snapshot::LargeObjectChunk all_{0, 1, std::numeric_limits<snapshot::Oid>::max(), 0};
    std::string source_ = fresh_database();
    std::string target_ = fresh_database();
};

TEST_F(LargeObjectFile, HoldsContentOfEverySize) {
    psql(source_, R"sql(
        select lo_from_bytea(100000 + i::int, decode(repeat(md5(i::text), (size / 16 + 1)::int), 'hex'))
          from unnest(array[0, 1, 16, 2048, 262143, 262144, 262145, 1310720, 1310736, 5000000])
               with ordinality as s(size, i);
        select lo_create(200000);
        select lo_from_bytea(300000 + i, convert_to(i::text, 'UTF8')) from generate_series(1, 2500) i;
    )sql");
    store();
    const auto result = load();
    EXPECT_EQ(result.objects, 2511);
    EXPECT_EQ(state(target_), state(source_));
}

TEST_F(LargeObjectFile, HoldsOwnersRightsAndComments) {
    psql(source_, R"sql(
        do $$ begin create role lo_reader; exception when duplicate_object then null; end $$;
        select lo_from_bytea(oid, 'x') from generate_series(501, 505) oid;
        alter large object 501 owner to lo_reader;
        grant select on large object 502 to lo_reader with grant option;
        grant update on large object 502 to public;
        revoke all on large object 503 from postgres;
        comment on large object 504 is 'it''s "odd"';
    )sql");
    store();
    load();
    EXPECT_EQ(state(target_), state(source_));
}

TEST_F(LargeObjectFile, LeavesOwnersAndRightsOutWhenAskedTo) {
    psql(source_, R"sql(
        do $$ begin create role lo_reader; exception when duplicate_object then null; end $$;
        select lo_from_bytea(501, 'x');
        alter large object 501 owner to lo_reader;
        grant select on large object 501 to public;
    )sql");
    store();
    load(true, true);
    EXPECT_EQ(
        psql(target_, "select pg_get_userbyid(lomowner), lomacl from pg_largeobject_metadata"),
        "postgres|");
}

TEST_F(LargeObjectFile, RefusesWhatTheTargetHas) {
    psql(source_, "select lo_from_bytea(700, 'new')");
    psql(target_, "select lo_from_bytea(700, 'old')");
    store();
    const auto error = error_of([&] { load(); });
    EXPECT_NE(std::string(error.what()).find("large object 700 exists"), std::string::npos);
    EXPECT_EQ(psql(target_, "select convert_from(lo_get(700), 'UTF8')"), "old");
}

TEST_F(LargeObjectFile, IsPinnedByItsBytes) {
    psql(source_, "select lo_from_bytea(258, 'abc')");
    store();
    io::SpoolReader reader(path());
    io::Block block;
    std::vector<char> spare;
    ASSERT_TRUE(reader.read(block));
    reader.unpack(block, spare);
    const std::string head("D\x02\x01\0\0\0\0\0\0\0\0\0\0\x03\0\0\0abcA\x02\x01\0\0", 25);
    EXPECT_EQ(std::string(block.bytes.begin(), block.bytes.begin() + 25), head);
    EXPECT_EQ(std::string(block.bytes.begin() + 37, block.bytes.end()),
              R"({"comment":null,"default_rights":true,"grants":[],"owner":"postgres"})");
    EXPECT_EQ(block.messages, 2U);
}

TEST_F(LargeObjectFile, RefusesARecordThatIsCutOff) {
    io::Block block;
    block.bytes = {'D', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 'x'};
    block.messages = 1;
    std::vector<char> packed;
    io::pack(block, packed);
    io::SpoolWriter writer(path(), {"an export", 0xffffffffU, 0, 1});
    writer.append({packed.data(), packed.size()});
    writer.seal(1);
    const auto error = error_of([&] { load(); });
    EXPECT_NE(std::string(error.what()).find("cut off"), std::string::npos);
}

}  // namespace
}  // namespace pghaul::loader
