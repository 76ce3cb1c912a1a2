#include "loader/verify/others.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <span>

#include "io/row_reader.hpp"
#include "io/sql.hpp"
#include "loader/verify/verify_sql.hpp"

namespace pghaul::loader {
namespace {

using io::Connection;
using snapshot::Oid;
using snapshot::SequenceName;

constexpr std::size_t kPerStatement = 200;
// Units: bytes. What the server makes of a large object at a time.
constexpr std::size_t kPieceBytes = 1024 * 1024;

/// Places in `sequences` of those that exist, and their states.
std::map<std::size_t, std::string> read_sequences(Connection& server,
                                                  std::span<const SequenceName> sequences) {
    std::vector<std::string> schemas;
    std::vector<std::string> names;
    for (const auto& sequence : sequences) {
        schemas.push_back(sequence.schema);
        names.push_back(sequence.name);
    }
    const auto existing =
        server.query(kExistingSequences, {io::array_literal(schemas), io::array_literal(names)});
    std::string sql;
    for (int row = 0; row < existing.rows(); ++row) {
        const auto place = static_cast<std::size_t>(existing.integer(row, 0)) - 1;
        sql += fmt::format("{}select {}, last_value, is_called from {}",
                           sql.empty() ? "" : " union all ", place,
                           io::quote_qualified(schemas[place], names[place]));
    }
    std::map<std::size_t, std::string> states;
    if (sql.empty()) return states;
    const auto rows = server.query({"read_sequences", sql});
    for (int row = 0; row < rows.rows(); ++row) {
        states[static_cast<std::size_t>(rows.integer(row, 0))] =
            rows.string(row, 1) + (rows.boolean(row, 2) ? "" : ", not called yet");
    }
    return states;
}

struct ObjectContents {
    std::int64_t bytes = 0;
    io::Hash128 hash;

    bool operator==(const ObjectContents&) const = default;
    void add(std::string_view piece) {
        bytes += static_cast<std::int64_t>(piece.size());
        const std::array<io::Hash128, 2> chain = {hash, io::hash_of(piece)};
        hash = io::hash_of({reinterpret_cast<const char*>(chain.data()), sizeof chain});
    }
};
using Objects = std::map<Oid, ObjectContents>;

Oid oid_of(std::string_view field) {
    if (field.size() != 4) throw io::Error("a large object's number is not of the expected form");
    Oid oid = 0;
    for (const char c : field) oid = oid << 8 | static_cast<unsigned char>(c);
    return oid;
}

/// Reads on where an object's first piece was full. Both sides read the same pieces.
void read_tail(Connection& server, Oid oid, ObjectContents& contents,
               io::StreamProgress& progress) {
    for (std::size_t size = kPieceBytes; size == kPieceBytes;) {
        const auto sql =
            fmt::format("select pg_catalog.lo_get({}, {}, {})", oid, contents.bytes, kPieceBytes);
        const auto piece = server.query_binary({"read_large_object_piece", sql}, {}, {});
        size = piece.text(0, 0).size();
        contents.add(piece.text(0, 0));
        progress.add_bytes(size);
    }
}

Objects read_objects(Connection& server, const snapshot::LargeObjectChunk& range,
                     io::StreamProgress& progress) {
    const auto sql = fmt::format(
        "copy (select m.oid, pg_catalog.lo_get(m.oid, 0, {})"
        " from pg_catalog.pg_largeobject_metadata as m"
        " where m.oid between {}::pg_catalog.oid and {}::pg_catalog.oid"
        ") to stdout (format binary)",
        kPieceBytes, range.first, range.last);
    Objects objects;
    io::RowReader reader(server, sql, "UTF8", progress);
    for (std::string_view fields; reader.next(fields);) {
        const Oid oid = oid_of(io::take_field(fields));
        objects[oid].add(io::take_field(fields));
    }
    for (auto& [oid, contents] : objects) {
        if (contents.bytes == static_cast<std::int64_t>(kPieceBytes)) {
            read_tail(server, oid, contents, progress);
        }
    }
    return objects;
}

void compare_range(const Objects& source, const Objects& target, ObjectsResult& result) {
    using Kind = RowDifference::Kind;
    result.compared += static_cast<std::int64_t>(source.size());
    for (const auto& [oid, ours] : source) {
        const auto theirs = target.find(oid);
        if (theirs == target.end()) {
            result.differing.push_back({oid, Kind::missing, ours.bytes, 0});
        } else if (theirs->second != ours) {
            result.differing.push_back({oid, Kind::different, ours.bytes, theirs->second.bytes});
        }
    }
    for (const auto& [oid, theirs] : target) {
        if (!source.contains(oid)) result.differing.push_back({oid, Kind::extra, 0, theirs.bytes});
    }
}

}  // namespace

std::vector<SequenceDifference> compare_sequences(Connection& source, Connection& target,
                                                  const std::vector<SequenceName>& sequences) {
    std::vector<SequenceDifference> differing;
    for (std::span<const SequenceName> rest(sequences); !rest.empty();) {
        const auto some = rest.first(std::min(kPerStatement, rest.size()));
        auto ours = read_sequences(source, some);
        auto theirs = read_sequences(target, some);
        for (std::size_t i = 0; i < some.size(); ++i) {
            if (ours[i] != theirs[i]) differing.push_back({some[i], ours[i], theirs[i]});
        }
        rest = rest.subspan(some.size());
    }
    return differing;
}

ObjectsResult compare_large_objects(Readers& readers,
                                    const std::vector<snapshot::LargeObjectChunk>& ranges) {
    /// What one side has read while the other has not.
    struct Half {
        bool present = false;
        std::size_t side = 0;
        Objects objects;
    };
    std::vector<Half> halves(ranges.size());
    std::mutex mutex;
    ObjectsResult result;
    const auto settle = [&](std::size_t i, std::size_t side, Objects objects) {
        const std::lock_guard guard(mutex);
        auto& half = halves[i];
        if (!half.present) {
            half = {true, side, std::move(objects)};
            return;
        }
        compare_range(side == 0 ? objects : half.objects, side == 0 ? half.objects : objects,
                      result);
        half.objects.clear();
    };
    std::array<std::vector<ReadItem>, 2> items;
    for (std::size_t side = 0; side < 2; ++side) {
        for (std::size_t i = 0; i < ranges.size(); ++i) {
            items[side].push_back(
                {fmt::format("large objects {} to {}", ranges[i].first, ranges[i].last), 0,
                 [&, i, side](Connection& connection, io::StreamProgress& progress) {
                     settle(i, side, read_objects(connection, ranges[i], progress));
                 }});
        }
    }
    readers.run(items[0], items[1]);
    std::sort(result.differing.begin(), result.differing.end(),
              [](const auto& a, const auto& b) { return a.oid < b.oid; });
    return result;
}

}  // namespace pghaul::loader
