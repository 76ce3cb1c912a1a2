#include "loader/large_object_file.hpp"

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "io/error.hpp"
#include "io/little_endian.hpp"
#include "io/pack.hpp"
#include "loader/large_object_contents.hpp"

namespace pghaul::loader {
namespace {

using nlohmann::json;
using snapshot::Oid;

constexpr std::size_t kRecordHeaderBytes = 17;
constexpr std::size_t kObjectsPerStatement = 1000;

std::string attributes(const LargeObject& object) {
    json grants = json::array();
    for (const auto& grant : object.grants) {
        grants.push_back(
            {grant.grantee ? json(*grant.grantee) : json(), grant.privilege, grant.grantable});
    }
    return json({{"owner", object.owner},
                 {"comment", object.comment ? json(*object.comment) : json()},
                 {"default_rights", object.owner_rights_are_default},
                 {"grants", grants}})
        .dump(-1, ' ', false, json::error_handler_t::replace);
}

LargeObject object_from(Oid oid, std::string_view text) {
    const json value = json::parse(text);
    LargeObject object;
    object.oid = oid;
    object.owner = value.at("owner");
    if (!value.at("comment").is_null()) object.comment = value.at("comment");
    object.owner_rights_are_default = value.at("default_rights");
    for (const auto& grant : value.at("grants")) {
        LargeObject::Grant one{{}, grant.at(1), grant.at(2)};
        if (!grant.at(0).is_null()) one.grantee = grant.at(0);
        object.grants.push_back(std::move(one));
    }
    return object;
}

class FileObjects : public ObjectSink {
  public:
    FileObjects(io::SpoolWriter& file, io::StreamProgress& progress)
        : file_(file), progress_(progress) {}

    void create(std::span<const LargeObject> objects,
                const std::vector<std::string>& starts) override {
        for (std::size_t i = 0; i < objects.size(); ++i) put('D', objects[i].oid, 0, starts[i]);
    }
    void append(Oid oid, std::size_t offset, const std::string& piece) override {
        put('D', oid, offset, piece);
    }
    void describe(const LargeObject& object) { put('A', object.oid, 0, attributes(object)); }

    void flush() {
        if (block_.bytes.empty()) return;
        io::pack(block_, packed_);
        file_.append({packed_.data(), packed_.size()});
        progress_.add_bytes(block_.bytes.size());
        block_.clear();
    }

  private:
    void put(char kind, Oid oid, std::size_t offset, std::string_view bytes) {
        char header[kRecordHeaderBytes];
        header[0] = kind;
        io::put_u32(header + 1, oid);
        io::put_u64(header + 5, offset);
        io::put_u32(header + 13, static_cast<std::uint32_t>(bytes.size()));
        block_.bytes.insert(block_.bytes.end(), header, header + kRecordHeaderBytes);
        block_.bytes.insert(block_.bytes.end(), bytes.begin(), bytes.end());
        ++block_.messages;
        if (block_.bytes.size() >= io::kBlockBytes) flush();
    }

    io::SpoolWriter& file_;
    io::StreamProgress& progress_;
    io::Block block_;
    std::vector<char> packed_;
};

/// Many small objects are made by one statement.
class Maker {
  public:
    explicit Maker(ObjectSink& sink) : sink_(sink) {}

    void add(Oid oid, std::size_t offset, std::string bytes) {
        if (offset > 0) {
            flush();
            sink_.append(oid, offset, bytes);
            return;
        }
        LargeObject object;
        object.oid = oid;
        objects_.push_back(std::move(object));
        bytes_ += bytes.size();
        starts_.push_back(std::move(bytes));
        if (bytes_ >= kObjectBatchBytes || starts_.size() >= kObjectsPerStatement) flush();
    }

    void flush() {
        if (!objects_.empty()) sink_.create(objects_, starts_);
        objects_.clear();
        starts_.clear();
        bytes_ = 0;
    }

  private:
    ObjectSink& sink_;
    std::vector<LargeObject> objects_;
    std::vector<std::string> starts_;
    std::size_t bytes_ = 0;
};

/// The next record of a block; its bytes are left out of `rest`.
struct Record {
    char kind = 0;
    Oid oid = 0;
    std::size_t offset = 0;
    std::string_view bytes;
};

Record take_record(std::string_view& rest) {
    if (rest.size() < kRecordHeaderBytes) throw io::Error("a large object's record is cut off");
    Record record{
        rest[0], io::get_u32(&rest[1]), static_cast<std::size_t>(io::get_u64(&rest[5])), {}};
    const std::size_t size = io::get_u32(&rest[13]);
    rest.remove_prefix(kRecordHeaderBytes);
    if (rest.size() < size) throw io::Error("a large object's record is cut off");
    record.bytes = rest.substr(0, size);
    rest.remove_prefix(size);
    return record;
}

}  // namespace

LargeObjectResult store_large_objects(io::Connection& source, Oid first, Oid last,
                                      io::SpoolWriter& file, io::StreamProgress& progress) {
    const auto objects = list_large_objects(source, first, last);
    FileObjects records(file, progress);
    const auto bytes = read_large_objects(source, objects, records);
    for (const auto& object : objects) records.describe(object);
    records.flush();
    return {static_cast<std::int64_t>(objects.size()), bytes};
}

LargeObjectResult load_large_objects(io::BlockReader& file, io::Connection& target,
                                     const LargeObjectLoad& load, io::StreamProgress& progress) {
    TargetObjects there(target, load.read_back);
    Maker maker(there);
    std::vector<LargeObject> objects;
    LargeObjectResult result;
    std::vector<char> spare;
    bool first = true;
    for (io::Block block; file.read(block); block.bytes.clear()) {
        if (std::exchange(first, false)) {
            refuse_existing_objects(target, load.part.first, load.part.last);
        }
        file.unpack(block, spare);
        progress.add_bytes(block.bytes.size());
        for (std::string_view rest(block.bytes.data(), block.bytes.size()); !rest.empty();) {
            const auto record = take_record(rest);
            if (record.kind == 'A') {
                objects.push_back(object_from(record.oid, record.bytes));
                continue;
            }
            maker.add(record.oid, record.offset, std::string(record.bytes));
            result.bytes += static_cast<std::int64_t>(record.bytes.size());
        }
    }
    maker.flush();
    describe_large_objects(target, objects, load.no_owner, load.no_privileges);
    result.objects = static_cast<std::int64_t>(objects.size());
    return result;
}

}  // namespace pghaul::loader
