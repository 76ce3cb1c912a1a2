// Which index a table is cut by, and which columns of it.
#include "tests/snapshot/source_tables.hpp"

namespace pghaul::snapshot {
namespace {

class CatalogKeys : public test::SourceTest {
  protected:
    /// "a, b" of table t; empty if it has no usable key.
    std::string key() {
        std::string text;
        for (const auto& column : test::table_named(source(), "t").key) {
            text += (text.empty() ? "" : ", ") + column.name;
        }
        return text;
    }
    bool complete() { return test::table_named(source(), "t").key_is_complete; }
};

TEST_F(CatalogKeys, PreferThePrimaryKeyToShorterUniqueIndexes) {
    sql("create table t (a int not null unique, b int, c int, primary key (b, c))");
    EXPECT_EQ(key(), "b, c");
    EXPECT_TRUE(complete());
}

TEST_F(CatalogKeys, KeepTheIndexsOrderOfColumns) {
    sql("create table t (a int, b int, c int, primary key (c, a))");
    EXPECT_EQ(key(), "c, a");
}

TEST_F(CatalogKeys, FallBackToTheShortestUniqueIndexOnNotNullColumns) {
    sql("create table t (a int not null, b int not null, c int not null); "
        "create unique index on t (a, b); create unique index on t (c)");
    EXPECT_EQ(key(), "c");
}

TEST_F(CatalogKeys, IgnoreIndexesThatDoNotNameEveryRow) {
    sql("create table t (a int not null, b int, c text not null); "
        "create index on t (a); "
        "create unique index on t (a) where a > 0; "
        "create unique index on t (lower(c)); "
        "create unique index on t (b); "
        "create unique index on t (a, b)");
    EXPECT_EQ(key(), "") << "not unique, partial, on an expression, nullable";
}

TEST_F(CatalogKeys, IgnoreDeferrableConstraints) {
    sql("create table t (a int primary key deferrable, b int not null)");
    EXPECT_EQ(key(), "");
    sql("create unique index on t (b)");
    EXPECT_EQ(key(), "b");
}

TEST_F(CatalogKeys, IgnoreInvalidIndexes) {
    sql("create table t (a int not null); insert into t values (1), (1)");
    EXPECT_ANY_THROW(sql("create unique index concurrently broken on t (a)"));
    EXPECT_EQ(key(), "");
    EXPECT_TRUE(test::table_named(source(), "t").indexes.empty());
}

TEST_F(CatalogKeys, LookPastIncludedColumns) {
    // What is included is not part of the key, so that it may be null does not matter.
    sql("create table t (a int, b int, note text, primary key (a, b) include (note))");
    EXPECT_EQ(key(), "a, b");
    EXPECT_TRUE(complete());
}

TEST_F(CatalogKeys, TakeThePrefixThatIsSortedByTheTypesOwnOrder) {
    sql("create table t (a int not null, b int not null, c int not null); "
        "create unique index on t (a, b desc, c)");
    EXPECT_EQ(key(), "a");
    EXPECT_FALSE(complete());
}

TEST_F(CatalogKeys, CannotUseAnIndexInAnotherOrderThanTheColumns) {
    sql("create table t (a text not null, b text collate \"C\" not null); "
        "create unique index on t (a text_pattern_ops); create unique index on t (a desc); "
        "create unique index on t (b collate \"POSIX\")");
    EXPECT_EQ(key(), "");
    sql("create unique index on t (b)");
    EXPECT_EQ(key(), "b");
}

TEST_F(CatalogKeys, NameBaseTypesAndOperatorsWithTheirSchema) {
    sql("create schema x; create domain x.d as int8; create domain x.dd as x.d; "
        "create type x.\"E\" as enum ('a'); "
        "create table t (a x.dd, b x.\"E\", c varchar(5), d \"char\", primary key (a, b, c, d))");
    const auto key = test::table_named(source(), "t").key;
    ASSERT_EQ(key.size(), 4U);
    EXPECT_EQ(key[0].type, "pg_catalog.int8");
    EXPECT_EQ(key[1].type, "x.\"E\"");
    EXPECT_EQ(key[2].type, "pg_catalog.varchar");
    EXPECT_EQ(key[3].type, "pg_catalog.\"char\"");
    for (const auto& column : key) EXPECT_EQ(column.operator_schema, "\"pg_catalog\"");
}

TEST_F(CatalogKeys, CanBeOfATypeWhoseOperatorsLiveInAnotherSchema) {
    if (test::psql(database_,
                   "select count(*) from pg_available_extensions where name = 'citext'") == "0") {
        GTEST_SKIP() << "the extension citext is not installed";
    }
    sql("create schema \"E x\"; create extension citext schema \"E x\"; "
        "create table t (a \"E x\".citext, b int, primary key (a, b))");
    const auto key = test::table_named(source(), "t").key;
    ASSERT_EQ(key.size(), 1U) << "one row comparison has one operator: int's is in pg_catalog";
    EXPECT_EQ(key[0].operator_schema, "\"E x\"");
    EXPECT_EQ(key[0].type, "\"E x\".citext");
}

}  // namespace
}  // namespace pghaul::snapshot
