#include "loader/export_files.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <optional>

#include "io/error.hpp"
#include "io/spool_reader.hpp"

namespace pghaul::loader {
namespace {

namespace fs = std::filesystem;
using io::Error;
using snapshot::SealedFile;

// Large objects have no table; no plan has so many.
constexpr std::uint32_t kObjectsTable = 0xffffffffU;

/// What the file is must be said by whoever reads it: it knows the remedy.
Error damaged(const std::string& file, const std::string& what, const std::string& why) {
    return Error(fmt::format("the export's file {} ({}) is damaged or missing", file, what))
        .detail(why)
        .hint(
            "bring that file anew from where the export was made, or export anew; then run the "
            "same import again: what is loaded stays loaded");
}

/// A file of the export as a stream; every fault names it.
class ExportFileReader : public io::BlockReader {
  public:
    ExportFileReader(const std::string& folder, std::string file, std::string what,
                     const SealedFile& expected, const io::SpoolId& id)
        : file_(std::move(file)), what_(std::move(what)) {
        named([&] {
            reader_ = std::make_unique<io::SpoolReader>(folder + "/" + file_);
            if (!(reader_->id() == id)) throw Error("it belongs to another export or chunk");
            if (!(reader_->totals() == expected.totals)) {
                throw Error("it is not the file that the manifest names");
            }
        });
    }

    bool read(io::Block& block) override {
        bool more = false;
        named([&] { more = reader_->read(block); });
        return more;
    }
    void unpack(io::Block& block, std::vector<char>& spare) const override {
        named([&] { reader_->unpack(block, spare); });
    }
    std::int64_t rows() const noexcept override { return reader_->rows(); }

  private:
    template <typename Body>
    void named(Body body) const {
        try {
            body();
        } catch (const Error& error) {
            throw damaged(file_, what_, error.what());
        }
    }

    std::string file_;
    std::string what_;
    std::unique_ptr<io::SpoolReader> reader_;
};

std::string objects_name(int part) { return fmt::format("large objects, part {}", part); }

/// Reads a file to its end. Throws: io::Error.
void read_through(io::SpoolReader& reader) {
    std::vector<char> spare;
    for (io::Block block; reader.read(block); block.bytes.clear()) reader.unpack(block, spare);
}

/// A sealed file of this export, if it is there and whole.
std::optional<SealedFile> look_at(const std::string& folder, const std::string& file,
                                  io::SpoolId id, std::size_t snapshots) {
    const std::string path = folder + "/" + file;
    std::error_code fault;
    if (!fs::exists(path, fault)) return std::nullopt;
    try {
        io::SpoolReader reader(path);
        id.snapshot = reader.id().snapshot;
        if (!(reader.id() == id) || id.snapshot < 1 || id.snapshot > snapshots) {
            throw Error("it belongs to another export");
        }
        const SealedFile sealed{id.snapshot, reader.totals()};
        if (sealed.bytes() < kSyncedAlone) read_through(reader);
        return sealed;
    } catch (const Error& error) {
        spdlog::warn("{} is written anew: {}", path, error.what());
        ::unlink(path.c_str());
        return std::nullopt;
    }
}

}  // namespace

std::string rows_file(int table, int chunk) { return fmt::format("{}-{}.rows", table, chunk); }
std::string objects_file(int part) { return fmt::format("objects-{}.rows", part); }

io::SpoolId rows_id(const std::string& export_id, int table, int chunk, int snapshot) {
    return {export_id, static_cast<std::uint32_t>(table), static_cast<std::uint32_t>(chunk),
            static_cast<std::uint32_t>(snapshot)};
}

io::SpoolId objects_id(const std::string& export_id, int part, int snapshot) {
    return {export_id, kObjectsTable, static_cast<std::uint32_t>(part),
            static_cast<std::uint32_t>(snapshot)};
}

std::unique_ptr<io::BlockReader> ExportFiles::open_rows(int table, int chunk,
                                                        const std::string& what) const {
    const auto& file = manifest_.chunks.at({table, chunk});
    return std::make_unique<ExportFileReader>(
        folder_, rows_file(table, chunk), what, file,
        rows_id(manifest_.export_id, table, chunk, static_cast<int>(file.snapshot)));
}

std::unique_ptr<io::BlockReader> ExportFiles::open_objects(int part) const {
    const auto& file = manifest_.large_objects.at(part);
    return std::make_unique<ExportFileReader>(
        folder_, objects_file(part), objects_name(part), file,
        objects_id(manifest_.export_id, part, static_cast<int>(file.snapshot)));
}

int ExportFiles::snapshot_of(int table, int chunk) const {
    return static_cast<int>(manifest_.chunks.at({table, chunk}).snapshot);
}

int ExportFiles::snapshot_of_objects(int part) const {
    return static_cast<int>(manifest_.large_objects.at(part).snapshot);
}

std::vector<std::string> ExportFiles::faults(const snapshot::Plan& plan) const {
    std::vector<std::string> found;
    const auto look = [&](const std::function<void()>& open) {
        try {
            open();
        } catch (const Error& error) {
            found.push_back(std::string(error.what()) + ": " + error.detail());
        }
    };
    for (const auto& table : plan.tables) {
        for (const auto& chunk : table.chunks) {
            look([&] {
                if (!manifest_.chunks.contains({table.number, chunk.number})) {
                    throw damaged(rows_file(table.number, chunk.number), table.info.display(),
                                  "the manifest does not name it");
                }
                open_rows(table.number, chunk.number, table.info.display());
            });
        }
    }
    for (const auto& part : plan.large_objects) {
        look([&] {
            if (!manifest_.large_objects.contains(part.number)) {
                throw damaged(objects_file(part.number), objects_name(part.number),
                              "the manifest does not name it");
            }
            open_objects(part.number);
        });
    }
    return found;
}

SealedFiles find_sealed(const std::string& folder, const snapshot::ExportPlan& plan) {
    const auto& id = plan.note.export_id;
    SealedFiles found;
    for (const auto& table : plan.plan.tables) {
        for (const auto& chunk : table.chunks) {
            const auto file = rows_file(table.number, chunk.number);
            if (const auto sealed =
                    look_at(folder, file, rows_id(id, table.number, chunk.number, 0),
                            plan.snapshots.size())) {
                found.chunks[{table.number, chunk.number}] = *sealed;
            }
        }
    }
    for (const auto& part : plan.plan.large_objects) {
        if (const auto sealed = look_at(folder, objects_file(part.number),
                                        objects_id(id, part.number, 0), plan.snapshots.size())) {
            found.large_objects[part.number] = *sealed;
        }
    }
    return found;
}

}  // namespace pghaul::loader
