using System.Buffers.Binary;

namespace InverseSolver.Imaging;

/// <summary>A JPEG's frame: its size and components.</summary>
internal sealed record JpegFrame(bool IsProgressive, int Height, int Width, IReadOnlyList<JpegFrame.Component> Components)
{
    /// <summary>MCUs of a scan with several components.</summary>
    internal int McuColumns => Blocks(Width, Components.Max(component => component.Across));

    internal int McuRows => Blocks(Height, Components.Max(component => component.Down));

    internal static JpegFrame Read(ReadOnlySpan<byte> segment, bool isProgressive)
    {
        if (segment.Length < 6 || segment.Length != 6 + (3 * segment[5])) throw ImageContents.Damaged();
        if (segment[0] != 8) throw new InvalidMeasurementException($"The JPEG image has {segment[0]} bits per sample; 8 are read.");
        if (segment[5] is not (1 or 3 or 4)) throw new InvalidMeasurementException("The image must have 1 channel (grey) or 3 (RGB).");
        int height = BinaryPrimitives.ReadUInt16BigEndian(segment[1..]), width = BinaryPrimitives.ReadUInt16BigEndian(segment[3..]);
        if (height == 0 || width == 0) throw ImageContents.Damaged();
        var components = new List<Component>();
        for (int at = 6; at < segment.Length; at += 3)
        {
            (byte id, int across, int down) = (segment[at], segment[at + 1] >> 4, segment[at + 1] & 15);
            if (across is < 1 or > 4 || down is < 1 or > 4 || segment[at + 2] > 3 || components.Exists(component => component.Id == id))
            {
                throw ImageContents.Damaged();
            }
            components.Add(new Component(id, across, down));
        }

        // One component is stored block by block, whatever its sampling factors.
        if (components.Count == 1) components[0] = components[0] with { Across = 1, Down = 1 };
        int most = components.Max(component => component.Across), highest = components.Max(component => component.Down);
        if (components.Exists(component => most % component.Across != 0 || highest % component.Down != 0))
            throw new InvalidMeasurementException("The JPEG image's channels differ in size by a fraction: save it with full or half chroma resolution.");
        return new JpegFrame(isProgressive, height, width, components);
    }

    /// <summary>Rows and columns of a component's blocks in a scan of its own.</summary>
    internal (int Rows, int Columns) BlocksOf(Component component) => (
        Blocks((((Height * component.Down) - 1) / Components.Max(other => other.Down)) + 1, 1),
        Blocks((((Width * component.Across) - 1) / Components.Max(other => other.Across)) + 1, 1));

    private static int Blocks(int samples, int factor) => (samples + (8 * factor) - 1) / (8 * factor);

    /// <summary>One component and its blocks across and down in an MCU.</summary>
    internal sealed record Component(byte Id, int Across, int Down);
}
