#include "loader/large_objects.hpp"

#include <limits>
#include <string>

#include "io/error.hpp"
#include "loader/large_object_contents.hpp"
#include "loader/large_object_info.hpp"

namespace pghaul::loader {
namespace {

using snapshot::Oid;

constexpr io::Query kCut{"cut_large_objects", R"sql(
    select pg_catalog.min(oid)::pg_catalog.int8, pg_catalog.count(*)
      from (select oid,
                   (pg_catalog.row_number() over (order by oid) - 1) / 1000 as part
              from pg_catalog.pg_largeobject_metadata) as numbered
     group by part
     order by part
)sql"};

constexpr io::Query kFindExisting{"find_large_objects", R"sql(
    select oid::pg_catalog.int8
      from pg_catalog.pg_largeobject_metadata
     where oid between $1::pg_catalog.oid and $2::pg_catalog.oid
     order by oid
     limit 1
)sql"};

}  // namespace

void refuse_existing_objects(io::Connection& target, Oid first, Oid last) {
    const auto found = target.query(kFindExisting, {std::to_string(first), std::to_string(last)});
    if (found.rows() == 0) return;
    throw io::Error("large object " + found.string(0, 0) + " exists on the target already")
        .hint("use a target database without large objects; select lo_unlink(" +
              found.string(0, 0) + ") removes this one");
}

std::vector<snapshot::LargeObjectChunk> cut_large_objects(io::Connection& source) {
    const auto rows = source.query(kCut);
    std::vector<snapshot::LargeObjectChunk> chunks;
    for (int row = 0; row < rows.rows(); ++row) {
        const auto start = static_cast<Oid>(rows.integer(row, 0));
        if (!chunks.empty()) chunks.back().last = start - 1;
        chunks.push_back({.number = row,
                          .first = row == 0 ? 1 : start,
                          .last = std::numeric_limits<Oid>::max(),
                          .objects = rows.integer(row, 1)});
    }
    return chunks;
}

void rewrite_large_object(io::Connection& source, io::Connection& target, Oid oid) {
    constexpr int kInvWrite = 0x20000;
    target.execute({"truncate_large_object", "select pg_catalog.lo_truncate64(pg_catalog.lo_open(" +
                                                 std::to_string(oid) + ", " +
                                                 std::to_string(kInvWrite) + "), 0)"});
    TargetObjects there(target, true);
    read_tail(source, oid, 0, there);
}

LargeObjectResult copy_large_objects(io::Connection& source, io::Connection& target, Oid first,
                                     Oid last, bool no_owner, bool no_privileges, bool read_back) {
    for (const auto* side : {&source, &target}) {
        if (side->server_version() >= 90400) continue;
        throw io::Error("large objects can't be copied: " + side->server_name() +
                        " is older than PostgreSQL 9.4")
            .hint("copy them with pg_dump --blobs")
            .exit_code(io::ExitCode::no_go);
    }
    const auto objects = list_large_objects(source, first, last);
    if (objects.empty()) return {};
    refuse_existing_objects(target, first, last);
    TargetObjects there(target, read_back);
    const auto bytes = read_large_objects(source, objects, there);
    describe_large_objects(target, objects, no_owner, no_privileges);
    return {static_cast<std::int64_t>(objects.size()), bytes};
}

}  // namespace pghaul::loader
