#include "loader/large_objects.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <string>

#include "io/error.hpp"

namespace pghaul::loader {
namespace {

using snapshot::Oid;

constexpr Oid kByteaType = 17;  // Source: pg_type.dat; the same in every version.

// Units: bytes. Memory for one round trip's contents; the results and the parameters hold it twice.
constexpr std::size_t kBatchBytes = 8 * 1024 * 1024;
// Objects longer than their share of a batch come in pieces of this, one at a time.
constexpr std::size_t kPieceBytes = 1024 * 1024;
constexpr std::size_t kFirstBatchObjects = 32;
constexpr std::size_t kMaxBatchObjects = 1024;
constexpr std::size_t kMinBatchObjects = 8;

constexpr io::Query kCut{"cut_large_objects", R"sql(
    select pg_catalog.min(oid)::pg_catalog.int8, pg_catalog.count(*)
      from (select oid,
                   (pg_catalog.row_number() over (order by oid) - 1) / 1000 as part
              from pg_catalog.pg_largeobject_metadata) as numbered
     group by part
     order by part
)sql"};

// Rows: oid, owner, comment, whether the owner's own rights are the default ones.
constexpr io::Query kListObjects{"list_large_objects", R"sql(
    select m.oid::pg_catalog.int8,
           pg_catalog.pg_get_userbyid(m.lomowner),
           pg_catalog.obj_description(m.oid, 'pg_largeobject'),
           m.lomacl is null
             or 2 = (select pg_catalog.count(*)
                       from pg_catalog.aclexplode(m.lomacl) as a
                      where a.grantee = m.lomowner
                        and not a.is_grantable)
      from pg_catalog.pg_largeobject_metadata as m
     where m.oid between $1::pg_catalog.oid and $2::pg_catalog.oid
     order by m.oid
)sql"};

// Rows: oid, grantee or null for PUBLIC, privilege, with grant option; only what differs from the
// default, or all of the owner's if these do.
constexpr io::Query kListPrivileges{"list_large_object_privileges", R"sql(
    select m.oid::pg_catalog.int8, r.rolname, a.privilege_type, a.is_grantable
      from pg_catalog.pg_largeobject_metadata as m
     cross join pg_catalog.aclexplode(m.lomacl) as a
      left join pg_catalog.pg_roles as r on r.oid = a.grantee
     where m.oid between $1::pg_catalog.oid and $2::pg_catalog.oid
       and (a.grantee = 0 or r.oid is not null)
     order by m.oid
)sql"};

constexpr io::Query kFindExisting{"find_large_objects", R"sql(
    select oid::pg_catalog.int8
      from pg_catalog.pg_largeobject_metadata
     where oid between $1::pg_catalog.oid and $2::pg_catalog.oid
     order by oid
     limit 1
)sql"};

struct LargeObject {
    Oid oid = 0;
    std::string owner;
    io::Param comment;
    bool owner_rights_are_default = true;
};

io::Params range_params(Oid first, Oid last) {
    return {std::to_string(first), std::to_string(last)};
}

std::vector<LargeObject> list_objects(io::Connection& source, Oid first, Oid last) {
    const auto rows = source.query(kListObjects, range_params(first, last));
    std::vector<LargeObject> objects;
    for (int row = 0; row < rows.rows(); ++row) {
        LargeObject object{
            static_cast<Oid>(rows.integer(row, 0)), rows.string(row, 1), {}, rows.boolean(row, 3)};
        if (!rows.is_null(row, 2)) object.comment = rows.string(row, 2);
        objects.push_back(std::move(object));
    }
    return objects;
}

void refuse_existing(io::Connection& target, Oid first, Oid last) {
    const auto found = target.query(kFindExisting, range_params(first, last));
    if (found.rows() == 0) return;
    throw io::Error("large object " + found.string(0, 0) + " exists on the target already")
        .hint("use a target database without large objects; select lo_unlink(" +
              found.string(0, 0) + ") removes this one");
}

/// A row of one lo_get() per object of the batch.
std::vector<std::string> read_contents(io::Connection& server, const std::string& read) {
    const auto row = server.query_binary({"read_large_objects", read}, {}, {});
    std::vector<std::string> contents;
    for (int column = 0; column < row.columns(); ++column) {
        contents.push_back(row.string(0, column));
    }
    return contents;
}

/// What was written must come back.
void check_written(io::Connection& target, const std::string& read,
                   const std::vector<std::string>& sent, Oid oid) {
    if (read_contents(target, read) == sent) return;
    throw io::Error("large objects from " + std::to_string(oid) +
                    " on do not hold on the target what was sent")
        .hint("look for hardware errors on the target, then run again");
}

/// Reads up to `length` bytes of each object's start and creates them on the target with these.
/// Returns: the sizes read; an object of exactly `length` may go on.
std::vector<std::size_t> copy_starts(io::Connection& source, io::Connection& target,
                                     std::span<const LargeObject> batch, std::size_t length,
                                     bool read_back) {
    std::string read;
    std::string write;
    for (std::size_t i = 0; i < batch.size(); ++i) {
        const auto oid = std::to_string(batch[i].oid);
        read += (i == 0 ? "select " : ", ");
        read += "pg_catalog.lo_get(" + oid + ", 0, " + std::to_string(length) + ")";
        write += (i == 0 ? "select " : ", ");
        write += "pg_catalog.lo_from_bytea(" + oid + ", $" + std::to_string(i + 1) + ")";
    }
    const auto contents = read_contents(source, read);
    std::vector<std::size_t> sizes;
    for (const auto& content : contents) sizes.push_back(content.size());
    target.query_binary({"write_large_objects", write}, contents,
                        std::vector<std::uint32_t>(contents.size(), kByteaType));
    if (read_back) check_written(target, read, contents, batch.front().oid);
    return sizes;
}

/// Copies what follows the first `offset` bytes. Returns: the number of bytes copied.
std::size_t copy_tail(io::Connection& source, io::Connection& target, Oid oid, std::size_t offset,
                      bool read_back) {
    const std::size_t begin = offset;
    for (;;) {
        const auto place = std::to_string(oid) + ", " + std::to_string(offset);
        const std::string read =
            "select pg_catalog.lo_get(" + place + ", " + std::to_string(kPieceBytes) + ")";
        const auto piece = read_contents(source, read);
        const std::size_t size = piece.front().size();
        if (size > 0) {
            const std::string write = "select pg_catalog.lo_put(" + place + ", $1)";
            target.query_binary({"write_large_object_piece", write}, piece, {kByteaType});
            if (read_back) check_written(target, read, piece, oid);
        }
        offset += size;
        if (size < kPieceBytes) return offset - begin;
    }
}

/// How many objects to ask for at once: many small ones or few large ones.
std::size_t next_batch_size(std::size_t count, std::size_t cut_off, std::size_t bytes) {
    if (cut_off > count / 4) return std::max(kMinBatchObjects, count / 2);
    if (cut_off == 0 && bytes < kBatchBytes / 4) return std::min(kMaxBatchObjects, count * 2);
    return count;
}

std::int64_t copy_contents(io::Connection& source, io::Connection& target,
                           std::span<const LargeObject> objects, bool read_back) {
    std::size_t total = 0;
    std::size_t count = kFirstBatchObjects;
    while (!objects.empty()) {
        const auto batch = objects.first(std::min(count, objects.size()));
        objects = objects.subspan(batch.size());
        const std::size_t share = kBatchBytes / count;
        const auto sizes = copy_starts(source, target, batch, share, read_back);
        std::size_t cut_off = 0;
        std::size_t bytes = 0;
        for (std::size_t i = 0; i < batch.size(); ++i) {
            bytes += sizes[i];
            if (sizes[i] < share) continue;
            ++cut_off;
            total += copy_tail(source, target, batch[i].oid, share, read_back);
        }
        total += bytes;
        count = next_batch_size(count, cut_off, bytes);
    }
    return static_cast<std::int64_t>(total);
}

std::string owners_and_comments(const std::vector<LargeObject>& objects, bool no_owner) {
    std::string sql;
    for (const auto& object : objects) {
        const std::string name = "large object " + std::to_string(object.oid);
        if (!no_owner)
            sql += "alter " + name + " owner to " + io::quote_ident(object.owner) + ";\n";
        if (object.comment) {
            sql += "comment on " + name + " is " + io::quote_literal(*object.comment) + ";\n";
        }
    }
    return sql;
}

std::string privileges(io::Connection& source, const std::vector<LargeObject>& objects) {
    std::string sql;
    const auto find = [&](Oid oid) {
        return std::lower_bound(
            objects.begin(), objects.end(), oid,
            [](const LargeObject& object, Oid value) { return object.oid < value; });
    };
    // Take the owner's default rights away first, then give back what there is.
    for (const auto& object : objects) {
        if (object.owner_rights_are_default) continue;
        sql += "revoke all on large object " + std::to_string(object.oid) + " from " +
               io::quote_ident(object.owner) + ";\n";
    }
    const auto rows =
        source.query(kListPrivileges, range_params(objects.front().oid, objects.back().oid));
    for (int row = 0; row < rows.rows(); ++row) {
        const auto object = find(static_cast<Oid>(rows.integer(row, 0)));
        const bool everyone = rows.is_null(row, 1);
        const bool owner = !everyone && rows.text(row, 1) == object->owner;
        if (owner && object->owner_rights_are_default) continue;
        sql += "grant " + rows.string(row, 2) + " on large object " + rows.string(row, 0) + " to " +
               (everyone ? "public" : io::quote_ident(rows.text(row, 1))) +
               (rows.boolean(row, 3) ? " with grant option;\n" : ";\n");
    }
    return sql;
}

void apply(io::Connection& target, const std::string& name, const std::string& sql) {
    if (sql.empty()) return;
    try {
        target.execute({name, sql});
    } catch (io::Error& error) {
        if (error.sqlstate() == "42704") {
            error.hint(
                "create the roles first (pg_dumpall --roles-only) or use --no-owner "
                "--no-privileges");
        } else if (error.sqlstate() == "42501") {
            error.hint(
                "connect to the target as a member of the owners' roles or use --no-owner "
                "--no-privileges");
        }
        throw;
    }
}

}  // namespace

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
    copy_tail(source, target, oid, 0, true);
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
    const auto objects = list_objects(source, first, last);
    if (objects.empty()) return {};
    refuse_existing(target, first, last);
    const auto bytes = copy_contents(source, target, objects, read_back);
    apply(target, "large_object_owners", owners_and_comments(objects, no_owner));
    if (!no_privileges) {
        apply(target, "large_object_privileges", privileges(source, objects));
    }
    return {static_cast<std::int64_t>(objects.size()), bytes};
}

}  // namespace pghaul::loader
