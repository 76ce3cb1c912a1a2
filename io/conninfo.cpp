#include "io/conninfo.hpp"

#include <libpq-fe.h>

#include <memory>

#include "io/error.hpp"

namespace pghaul::io {

ConnInfo ConnInfo::parse(const std::string& text) {
    ConnInfo info;
    const bool bare_name = !text.empty() && text.find('=') == std::string::npos &&
                           text.find("://") == std::string::npos;
    if (bare_name) {
        info.values_["dbname"] = text;
        return info;
    }
    char* message = nullptr;
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
        PQconninfoParse(text.c_str(), &message), &PQconninfoFree);
    const std::unique_ptr<char, decltype(&PQfreemem)> owned(message, &PQfreemem);
    if (!options) {
        // libpq's message quotes the offending part, which may hold a password: not repeated.
        throw Error("connection string can't be parsed")
            .hint(
                "use a URI such as postgresql://user@host:5432/dbname, or key=value pairs such "
                "as 'host=db1 dbname=shop user=me'; percent-encode special characters in a URI")
            .exit_code(ExitCode::usage);
    }
    for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
        if (option->val != nullptr) info.values_[option->keyword] = option->val;
    }
    return info;
}

void ConnInfo::set_default(const std::string& keyword, const std::string& value) {
    values_.try_emplace(keyword, value);
}

void ConnInfo::set(const std::string& keyword, const std::string& value) {
    values_[keyword] = value;
}

std::string ConnInfo::get(const std::string& keyword) const {
    const auto found = values_.find(keyword);
    return found == values_.end() ? std::string() : found->second;
}

std::string ConnInfo::text_without_password() const {
    std::string text;
    for (const auto& [keyword, value] : values_) {
        if (keyword == "password" || keyword == "sslpassword") continue;
        if (!text.empty()) text += ' ';
        text += keyword + "='";
        for (const char c : value) {
            if (c == '\'' || c == '\\') text += '\\';
            text += c;
        }
        text += '\'';
    }
    return text;
}

std::string ConnInfo::display() const {
    std::string text = get("host");
    if (text.empty()) text = get("hostaddr");
    if (text.empty()) text = get("service");
    if (const auto port = get("port"); !port.empty()) text += ":" + port;
    text += "/" + get("dbname");
    if (const auto user = get("user"); !user.empty()) text += " as " + user;
    return text;
}

}  // namespace pghaul::io
