#include "io/copy_target.hpp"

#include <stdexcept>
#include <utility>

namespace pghaul::io {

void CopyTarget::expect(std::vector<std::string> copies) {
    expected_ = std::move(copies);
    begun_ = 0;
}

CopyWriter& CopyTarget::copy_in(const std::string& name, const std::string& sql) {
    if (begun_ == expected_.size()) return writer_.emplace(connection_, name, sql);
    if (sql != expected_[begun_]) throw std::logic_error("another COPY was announced: " + sql);
    if (begun_ == 0) {
        std::string all;
        for (const auto& copy : expected_) all += copy + ";\n";
        writer_.emplace(connection_, name, all);
    } else if (!writer_->next_copy()) {
        throw std::logic_error("the COPY before was not finished");
    }
    ++begun_;
    return *writer_;
}

}  // namespace pghaul::io
