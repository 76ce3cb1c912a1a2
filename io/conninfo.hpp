// Where a server is: what the user gave (URI, key=value or a bare database name), with libpq's own
// rules for everything left out (PG* environment, .pgpass, service files).
// Passwords: kept only inside this object and handed to libpq; never shown.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace pghaul::io {

class ConnInfo {
  public:
    ConnInfo() = default;
    /// Source: libpq, "Connection Strings". Throws: Error (usage) if libpq can't parse it.
    static ConnInfo parse(const std::string& text);

    /// Sets a keyword unless the user has set it.
    void set_default(const std::string& keyword, const std::string& value);
    void set(const std::string& keyword, const std::string& value);
    std::string get(const std::string& keyword) const;

    const std::map<std::string, std::string>& values() const noexcept { return values_; }
    /// key='value' pairs without the password: for command lines of child processes.
    std::string text_without_password() const;
    /// host:port/dbname as user: for messages.
    std::string display() const;

  private:
    std::map<std::string, std::string> values_;
};

}  // namespace pghaul::io
