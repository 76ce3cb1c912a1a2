#include "tests/cmd/well_formed.hpp"

#include <cctype>
#include <set>
#include <stdexcept>
#include <vector>

#include "cmd/utf8.hpp"

namespace pghaul::test {
namespace {

class Reader {
  public:
    explicit Reader(std::string_view text) : all_(text), left_(text) {}

    void read() {
        take("<!DOCTYPE html>");
        skip_space();
        read_element_or_text();
        while (!open_.empty()) read_element_or_text();
        skip_space();
        if (!left_.empty()) fail("something stands behind the root element");
    }

  private:
    [[noreturn]] void fail(const std::string& what) const {
        const auto at = all_.size() - left_.size();
        throw std::runtime_error(what + " at byte " + std::to_string(at) + ": " +
                                 std::string(left_.substr(0, 60)));
    }

    bool begins(std::string_view word) const { return left_.starts_with(word); }

    void take(std::string_view word) {
        if (!begins(word)) fail("expected " + std::string(word));
        left_.remove_prefix(word.size());
    }

    void skip_space() {
        while (!left_.empty() && std::isspace(static_cast<unsigned char>(left_.front())) != 0) {
            left_.remove_prefix(1);
        }
    }

    std::string name() {
        std::string name;
        while (!left_.empty() && (std::isalnum(static_cast<unsigned char>(left_.front())) != 0 ||
                                  left_.front() == '-' || left_.front() == ':')) {
            name += left_.front();
            left_.remove_prefix(1);
        }
        if (name.empty()) fail("expected a name");
        return name;
    }

    /// One character of text or of an attribute's value.
    void character() {
        const auto length = cmd::utf8_length(left_);
        if (length == 0) fail("not UTF-8");
        const auto point = cmd::code_point(left_.substr(0, length));
        const bool allowed = point == '\t' || point == '\n' || point == '\r' ||
                             (point >= 0x20 && point != 0xFFFE && point != 0xFFFF);
        if (!allowed) fail("a character that XML does not allow");
        if (point == '<') fail("a bare <");
        if (point == '&') {
            for (const auto* entity : {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"}) {
                if (!begins(entity)) continue;
                take(entity);
                return;
            }
            fail("a bare & or an entity that XML does not know");
        }
        if (begins("]]>")) fail("]]> in text");
        left_.remove_prefix(length);
    }

    void attributes() {
        std::set<std::string> seen;
        for (;;) {
            const auto before = left_.size();
            skip_space();
            if (begins(">") || begins("/>")) return;
            if (left_.size() == before) fail("no space before an attribute");
            if (!seen.insert(name()).second) fail("an attribute stands twice");
            take("=\"");
            while (!begins("\"")) {
                if (left_.empty()) fail("an attribute does not end");
                character();
            }
            take("\"");
        }
    }

    void read_element_or_text() {
        if (left_.empty()) fail("the text ends inside " + open_.back());
        if (begins("</")) {
            take("</");
            const auto closed = name();
            if (open_.empty() || open_.back() != closed) fail("closes another element: " + closed);
            open_.pop_back();
            take(">");
        } else if (begins("<")) {
            take("<");
            const auto opened = name();
            attributes();
            if (begins("/>")) {
                take("/>");
                return;
            }
            take(">");
            open_.push_back(opened);
        } else {
            if (open_.empty()) fail("text outside the root element");
            character();
        }
    }

    std::string_view all_;
    std::string_view left_;
    std::vector<std::string> open_;
};

}  // namespace

std::string xml_fault(std::string_view text) {
    try {
        Reader(text).read();
        return {};
    } catch (const std::runtime_error& fault) {
        return fault.what();
    }
}

}  // namespace pghaul::test
