namespace InverseSolver.Imaging;

/// <summary>Pictures of one size side by side, to look at a sequence at once.</summary>
public static class Montage
{
    /// <summary>Draws frames in reading order in a grid that is about as high as wide; places without a frame are black.</summary>
    /// <param name="frames">At least one, all of the same size and channels.</param>
    /// <exception cref="ArgumentException">There is no frame, or sizes differ.</exception>
    public static Image Draw(IReadOnlyList<Image> frames)
    {
        if (frames.Count == 0) throw new ArgumentException("There is nothing to draw.", nameof(frames));
        (int channels, int height, int width) = (frames[0].Channels, frames[0].Height, frames[0].Width);
        if (frames.Any(frame => (frame.Channels, frame.Height, frame.Width) != (channels, height, width)))
        {
            throw new ArgumentException("The frames differ in size.", nameof(frames));
        }

        int columns = (int)Math.Ceiling(Math.Sqrt((double)frames.Count * height / width));
        int rows = (frames.Count + columns - 1) / columns;
        var values = new float[(long)channels * rows * height * columns * width];
        for (int i = 0; i < frames.Count; i++)
        {
            for (int line = 0; line < channels * height; line++)
            {
                (int channel, int row) = (line / height, line % height);
                int to = ((((channel * rows) + (i / columns)) * height) + row) * columns * width + (i % columns * width);
                frames[i].Values.AsSpan(line * width, width).CopyTo(values.AsSpan(to));
            }
        }

        return new Image(channels, rows * height, columns * width, values);
    }
}
