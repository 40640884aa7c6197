namespace InverseSolver.Imaging;

/// <summary>A grey RGB surface to draw on.</summary>
internal sealed class Canvas
{
    private const float Grey = 0.35f;
    private const long MaxPixels = 100_000_000;
    private readonly int _height;
    private readonly int _width;
    private readonly float[] _values;

    internal Canvas(int height, int width)
    {
        if ((long)height * width > MaxPixels) throw new ArgumentException($"A sheet of {width} x {height} pixels is too large.");
        (_height, _width) = (height, width);
        _values = new float[3 * height * width];
        Array.Fill(_values, Grey);
    }

    internal void Draw(Image image, int factor, int top, int left)
    {
        for (int channel = 0; channel < 3; channel++)
        {
            int source = image.Channels == 3 ? channel * image.Height * image.Width : 0;
            for (int y = 0; y < image.Height * factor; y++)
            {
                for (int x = 0; x < image.Width * factor; x++)
                    this[channel, top + y, left + x] = Math.Clamp(image.Values[source + (y / factor * image.Width) + (x / factor)], 0, 1);
            }
        }
    }

    internal void Draw(TextLine text, int top, int left)
    {
        for (int channel = 0; channel < 3; channel++)
        {
            for (int y = 0; y < text.Height; y++)
            {
                for (int x = 0; x < text.Width; x++)
                    this[channel, top + y, left + x] += text.Coverage[(y * text.Width) + x] / 255f * (1 - Grey);
            }
        }
    }

    internal Image ToImage() => new(3, _height, _width, _values);

    private ref float this[int channel, int y, int x] => ref _values[(((channel * _height) + y) * _width) + x];
}
