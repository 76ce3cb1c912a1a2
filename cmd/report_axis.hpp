// The time axis of a figure. Times in which nothing happened (the nights between two runs, the days
// before a cutover) are squeezed to a narrow gap, so that what happened can be seen.
// Thread: any; immutable once made.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace pghaul::cmd {

/// Units: seconds since 1970.
using BusySpan = std::pair<double, double>;

class TimeAxis {
  public:
    /// busy: when something happened, in any order; not empty. Units: pixels.
    TimeAxis(std::vector<BusySpan> busy, double left, double width);

    double x(double seconds) const;
    double left() const noexcept { return left_; }
    double right() const noexcept { return left_ + width_; }
    double pixels_per_second() const noexcept { return scale_; }

    struct Gap {
        double x = 0;
        double width = 0;
        double seconds = 0;
    };
    std::vector<Gap> gaps() const;

    struct Tick {
        double x = 0;
        std::string time;
        /// Where the day begins on the axis, or is another than before; else empty.
        std::string day;
    };
    std::vector<Tick> ticks() const;

  private:
    struct Segment {
        double begin = 0;
        double end = 0;
        double x = 0;
    };

    double left_;
    double width_;
    double scale_ = 1;
    std::vector<Segment> segments_;
};

}  // namespace pghaul::cmd
