#include "io/direct_source.hpp"

#include <stdexcept>
#include <utility>

namespace pghaul::io {
namespace {

/// The COPY at which a reader of several stands.
class OneOfSeveral : public BlockReader {
  public:
    explicit OneOfSeveral(std::shared_ptr<CopyReader> all) : all_(std::move(all)) {}

    bool read(Block& block) override { return all_->read(block); }
    std::int64_t rows() const noexcept override { return all_->rows(); }

  private:
    std::shared_ptr<CopyReader> all_;
};

}  // namespace

void DirectSource::expect(std::vector<std::string> copies) {
    expected_ = std::move(copies);
    begun_ = 0;
    together_.reset();
}

std::unique_ptr<BlockReader> DirectSource::copy_out(const std::string& name, const std::string& sql,
                                                    std::size_t /*blocks_in_flight*/) {
    if (begun_ == expected_.size()) return std::make_unique<CopyReader>(connection_, name, sql);
    if (sql != expected_[begun_]) throw std::logic_error("another COPY was announced: " + sql);
    if (begun_ == 0) {
        std::string all;
        for (const auto& copy : expected_) all += copy + ";\n";
        together_ = std::make_shared<CopyReader>(connection_, name, all);
    } else if (!together_->next_copy()) {
        throw std::logic_error("the COPY before was not read to its end");
    }
    ++begun_;
    return std::make_unique<OneOfSeveral>(together_);
}

}  // namespace pghaul::io
