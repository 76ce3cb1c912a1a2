// Reading a loaded table back: equal sums prove it, any row that is not as it was sent does not.
#include "loader/read_back.hpp"

#include "io/direct_source.hpp"
#include "io/transaction.hpp"
#include "loader/copy_chunk.hpp"
#include "tests/loader/two_databases.hpp"

namespace pghaul::loader {
namespace {

using snapshot::Format;
using snapshot::Proof;

class ReadBackTest : public test::TwoDatabases {
  protected:
    void load() {
        auto source = test::connect(source_database_, interrupt_);
        io::DirectSource rows_of_source(source);
        auto target = test::connect(target_database_, interrupt_);
        io::Transaction reading(source, "isolation level repeatable read read only");
        io::Transaction writing(target);
        io::CopyTarget rows_to(target);
        for (const auto& table : plan_.tables) {
            for (const auto& chunk : table.chunks) {
                const auto loaded =
                    copy_chunk(rows_of_source, rows_to, {table, chunk, plan_.encoding, false},
                               progress_, interrupt_);
                mark_loaded(target, ticket(), {loaded});
            }
        }
        writing.commit();
    }
    Proof read_back(int number = 0) {
        auto target = test::connect(target_database_, interrupt_);
        const auto& table = plan_.tables[static_cast<std::size_t>(number)];
        const int pieces = ReadBack::pieces(table, target.server_major());
        ReadBack back("job", plan_.encoding);
        for (int piece = pieces; piece-- > 0;) {
            EXPECT_EQ(proof(number), Proof::none) << "not before the last piece";
            // An attempt may be made twice.
            if (piece > 0) {
                back.read_piece(target, table, piece, pieces, progress_, interrupt_);
            }
            back.read_piece(target, table, piece, pieces, progress_, interrupt_);
        }
        const auto found = proof(number);
        snapshot::mark_proof(target, "job", {number}, Proof::none);
        return found;
    }
    Proof proof(int number) { return journal_->proofs().at(number); }

    io::StreamProgress progress_;
};

TEST_F(ReadBackTest, ProvesATableInPiecesAndFindsOneRowThatIsNotAsItWasSent) {
    for (const auto format : {Format::text, Format::binary}) {
        use(test::fresh_database(), test::fresh_database());
        on_both(
            "create table t (id bigint primary key, doc text, j jsonb, f float8, \"a.b\" int[])");
        on_source(
            "insert into t select i, repeat('ä' || i, i % 50), jsonb_build_object('i', i), "
            "i / 7.0, array[i, null] from generate_series(1, 20000) i; analyze");
        auto plan = plan_of("t", 5);
        plan.format = format;
        begin_job({plan});
        load();
        EXPECT_EQ(read_back(), Proof::read_back);
        on_target("create table kept as select * from t where id in (7, 19999)");
        for (const auto* change :
             {"update t set doc = doc || ' ' where id = 7", "delete from t where id = 19999",
              "insert into t values (0)", "update t set f = f + 1e-12 where id = 7"}) {
            on_target(change);
            EXPECT_EQ(read_back(), Proof::differences) << change;
            on_target("delete from t where id in (0, 7, 19999); insert into t select * from kept");
            EXPECT_EQ(read_back(), Proof::read_back);
        }
        on_target("drop table kept");
    }
}

TEST_F(ReadBackTest, ProvesWhatHasNoKeyNoRowsOrNoColumns) {
    on_both(
        "create table keyless (a int, b text); create table empty (a int); create table bare ()");
    on_source(
        "insert into keyless select i % 3, 'x' from generate_series(1, 1000) i; "
        "insert into bare select from generate_series(1, 10)");
    auto bare = plan_of("bare");
    bare.format = Format::text;
    begin_job({plan_of("keyless", 2), plan_of("empty"), bare});
    load();
    for (int table = 0; table < 3; ++table) EXPECT_EQ(read_back(table), Proof::read_back) << table;
    on_target("delete from keyless where ctid = '(0,1)'");
    EXPECT_EQ(read_back(), Proof::differences);
}

TEST_F(ReadBackTest, ReadsSmallTablesInOneMessageAndTellsWhichDiffers) {
    use(test::fresh_database("encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0"),
        test::fresh_database());
    on_both(
        "create table one (id int primary key, v text); create table empty (id int); "
        "create table two (id int primary key, v text); create table three (v text)");
    on_source(
        "set client_encoding to 'UTF8'; insert into one values (1, 'é'), (2, 'ÿ'); "
        "insert into two select i, 'ö' || i from generate_series(1, 50) i; "
        "insert into three values ('x')");
    begin_job({plan_of("one"), plan_of("empty"), plan_of("two"), plan_of("three")});
    plan_.encoding = "LATIN1";
    plan_.tables[0].format = Format::text;
    auto source = test::connect(source_database_, interrupt_);
    io::DirectSource rows_of_source(source);
    auto target = test::connect(target_database_, interrupt_);
    const io::Transaction reading(source, "isolation level repeatable read read only");
    const io::Transaction writing(target);
    io::CopyTarget rows_to(target);
    std::vector<ReadBack::Sent> sent;
    for (const auto& table : plan_.tables) {
        const auto loaded =
            copy_chunk(rows_of_source, rows_to, {table, table.chunks[0], plan_.encoding, false},
                       progress_, interrupt_);
        sent.push_back({&table, loaded.rows});
    }
    const ReadBack back("job", plan_.encoding);
    const auto read = [&] { return back.read_whole(target, sent, progress_, interrupt_); };
    EXPECT_EQ(read(), std::vector<Proof>(4, Proof::read_back));
    target.execute({"change", "update public.two set v = 'ö' where id = 7"});
    EXPECT_EQ(read(), (std::vector<Proof>{Proof::read_back, Proof::read_back, Proof::differences,
                                          Proof::read_back}));
    target.execute({"change", "insert into public.empty values (1)"});
    EXPECT_EQ(read(), (std::vector<Proof>{Proof::read_back, Proof::differences, Proof::differences,
                                          Proof::read_back}));
}

TEST_F(ReadBackTest, ReadsInTheEncodingInWhichRowsTravelled) {
    use(test::fresh_database("encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0"),
        test::fresh_database());
    on_both("create table t (id int primary key, v text)");
    on_source("set client_encoding to 'UTF8'; insert into t values (1, 'é'), (2, 'ÿ')");
    begin_job({plan_of("t")});
    plan_.encoding = "LATIN1";
    load();
    EXPECT_EQ(read_back(), Proof::read_back);
}

}  // namespace
}  // namespace pghaul::loader
