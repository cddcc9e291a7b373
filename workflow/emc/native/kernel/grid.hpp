// Where the numbers of some samples lie.
#pragma once

#include <vector>

namespace emc {

// Groups of samples come in panels of this many, or of all if they are fewer: the longest tile.
constexpr int panel_groups(int groups) { return groups < 4 ? groups : 4; }

// Where the numbers of a layer lie. Images lie channel by channel, those of a channel group by
// group, each inside a border of zeros where neighbours are looked at. Features without pixels lie
// panel by panel, so that a tile reads on and on.
struct Grid {
  int channel, group, y, x, origin, size;
  int panel, width;  // of groups

  static Grid images(int channels, int groups, int height, int width, int border) {
    Grid grid;
    grid.width = panel_groups(groups);
    grid.x = 1;
    grid.y = width + 2 * border;
    grid.group = (height + 2 * border) * grid.y;
    grid.panel = grid.width * grid.group;
    grid.channel = groups * grid.group;
    grid.origin = border * (grid.y + grid.x);
    grid.size = channels * grid.channel;
    return grid;
  }

  // Images flattened to features in torch's order, or features that have no pixels.
  static Grid features(int channels, int groups, int height = 1, int width = 1) {
    Grid grid;
    grid.width = panel_groups(groups);
    grid.group = 1;
    grid.x = grid.width;
    grid.y = width * grid.x;
    grid.channel = height * grid.y;
    grid.panel = channels * grid.channel;
    grid.origin = 0;
    grid.size = groups / grid.width * grid.panel;
    return grid;
  }

  int at(int channel_number, int group_number, int row, int column) const {
    return origin + channel_number * channel + group_number / width * panel +
           group_number % width * group + row * y + column * x;
  }

  // The offset of every tap of every channel from a pixel.
  std::vector<int> offsets(int channels, int taps) const {
    std::vector<int> all;
    for (int c = 0; c < channels; ++c)
      for (int tap = 0; tap < taps; ++tap)
        all.push_back(c * channel + (taps == 1 ? 0 : (tap / 3 - 1) * y + (tap % 3 - 1) * x));
    return all;
  }
};

}  // namespace emc
