#include "loader/large_object_contents.hpp"

#include <algorithm>

#include "io/error.hpp"
#include "snapshot/types.hpp"

namespace pghaul::loader {
namespace {

using snapshot::kByteaType;
using snapshot::Oid;

// Objects longer than their share of a batch come in pieces of this, one at a time.
constexpr std::size_t kPieceBytes = 1024 * 1024;
constexpr std::size_t kFirstBatchObjects = 32;
constexpr std::size_t kMaxBatchObjects = 1024;
constexpr std::size_t kMinBatchObjects = 8;

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

/// One lo_get() per object.
std::string read_starts(std::span<const LargeObject> objects, std::size_t length) {
    std::string read;
    for (const auto& object : objects) {
        read += read.empty() ? "select " : ", ";
        read += "pg_catalog.lo_get(" + std::to_string(object.oid) + ", 0, " +
                std::to_string(length) + ")";
    }
    return read;
}

std::string read_piece(Oid oid, std::size_t offset, std::size_t length) {
    return "select pg_catalog.lo_get(" + std::to_string(oid) + ", " + std::to_string(offset) +
           ", " + std::to_string(length) + ")";
}

/// How many objects to ask for at once: many small ones or few large ones.
std::size_t next_batch_size(std::size_t count, std::size_t cut_off, std::size_t bytes) {
    if (cut_off > count / 4) return std::max(kMinBatchObjects, count / 2);
    if (cut_off == 0 && bytes < kObjectBatchBytes / 4) return std::min(kMaxBatchObjects, count * 2);
    return count;
}

}  // namespace

void TargetObjects::create(std::span<const LargeObject> objects,
                           const std::vector<std::string>& starts) {
    std::string write;
    std::size_t longest = 0;
    for (std::size_t i = 0; i < objects.size(); ++i) {
        write += i == 0 ? "select " : ", ";
        write += "pg_catalog.lo_from_bytea(" + std::to_string(objects[i].oid) + ", $" +
                 std::to_string(i + 1) + ")";
        longest = std::max(longest, starts[i].size());
    }
    target_.query_binary({"write_large_objects", write}, starts,
                         std::vector<std::uint32_t>(starts.size(), kByteaType));
    // One byte more than there should be.
    if (read_back_) {
        check_written(target_, read_starts(objects, longest + 1), starts, objects.front().oid);
    }
}

void TargetObjects::append(Oid oid, std::size_t offset, const std::string& piece) {
    const std::string write =
        "select pg_catalog.lo_put(" + std::to_string(oid) + ", " + std::to_string(offset) + ", $1)";
    target_.query_binary({"write_large_object_piece", write}, {piece}, {kByteaType});
    if (read_back_) {
        check_written(target_, read_piece(oid, offset, piece.size() + 1), {piece}, oid);
    }
}

std::size_t read_tail(io::Connection& source, Oid oid, std::size_t offset, ObjectSink& sink) {
    const std::size_t begin = offset;
    for (;;) {
        const auto piece = read_contents(source, read_piece(oid, offset, kPieceBytes)).front();
        if (!piece.empty()) sink.append(oid, offset, piece);
        offset += piece.size();
        if (piece.size() < kPieceBytes) return offset - begin;
    }
}

std::int64_t read_large_objects(io::Connection& source, std::span<const LargeObject> objects,
                                ObjectSink& sink) {
    std::size_t total = 0;
    std::size_t count = kFirstBatchObjects;
    while (!objects.empty()) {
        const auto batch = objects.first(std::min(count, objects.size()));
        objects = objects.subspan(batch.size());
        const std::size_t share = kObjectBatchBytes / count;
        const auto starts = read_contents(source, read_starts(batch, share));
        sink.create(batch, starts);
        std::size_t cut_off = 0;
        std::size_t bytes = 0;
        for (std::size_t i = 0; i < batch.size(); ++i) {
            bytes += starts[i].size();
            if (starts[i].size() < share) continue;
            ++cut_off;
            total += read_tail(source, batch[i].oid, share, sink);
        }
        total += bytes;
        count = next_batch_size(count, cut_off, bytes);
    }
    return static_cast<std::int64_t>(total);
}

}  // namespace pghaul::loader
