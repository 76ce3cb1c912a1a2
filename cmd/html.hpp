// Markup that is put together piece by piece: what is markup and what is text is said with every
// piece, so that no name from a database can become markup. What comes out is at once HTML and
// well-formed XML as long as the pieces of markup are.
// Thread: one at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pghaul::cmd {

/// Text as it may stand between tags and in attributes with double quotes. What nobody could see or
/// XML does not allow (control characters, bytes that are no UTF-8, marks that turn the direction
/// of writing) is shown as an escape: \n, \x01, \u202e.
std::string escape_html(std::string_view text);

class Html {
  public:
    /// Only for literals and for what Html or escape_html has made.
    Html& markup(std::string_view markup) {
        all_ += markup;
        return *this;
    }
    Html& text(std::string_view text) {
        all_ += escape_html(text);
        return *this;
    }
    Html& number(std::int64_t value) {
        all_ += std::to_string(value);
        return *this;
    }
    /// <name>text</name>
    Html& element(std::string_view name, std::string_view content);
    /// Same, with a class.
    Html& element(std::string_view name, std::string_view css_class, std::string_view content);

    std::string take() { return std::move(all_); }

  private:
    std::string all_;
};

}  // namespace pghaul::cmd
