using System.IO.Compression;

namespace InverseSolver.Imaging;

/// <summary>Checks that the packed bytes of a strip give as many bytes as its rows take.</summary>
internal static class TiffStrip
{
    internal static bool HasPackBits(ReadOnlySpan<byte> strip, long needed)
    {
        long total = 0;
        for (int at = 0; at < strip.Length && total < needed;)
        {
            int head = (sbyte)strip[at++];
            if (head == -128) continue;
            int data = head >= 0 ? head + 1 : 1;
            if (data > strip.Length - at) return false;
            at += data;
            total += Math.Abs(head) + 1;
        }

        return total >= needed;
    }

    // The last strip may be as long as the others.
    internal static bool HasDeflate(byte[] strip, long needed, long most)
    {
        byte[] buffer = new byte[1 << 16];
        long total = 0;
        try
        {
            using var bytes = new ZLibStream(new MemoryStream(strip), CompressionMode.Decompress);
            // One more than there may be: at the end of the data their checksum is compared.
            for (int read; (read = bytes.Read(buffer, 0, (int)Math.Min(most + 1 - total, buffer.Length))) > 0 && total <= most;) total += read;
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            return false;
        }

        return total >= needed && total <= most;
    }

    // TIFF 6.0, section 13: codes of 9 to 12 bits, one bit wider one code early. Only lengths of strings are kept.
    internal static bool HasLzw(ReadOnlySpan<byte> strip, long needed)
    {
        const int Clear = 256, End = 257, Most = 4096;
        var lengths = new int[Most];
        lengths.AsSpan(0, 256).Fill(1);
        int next = 258, width = 9, before = -1, at = 0, count = 0;
        uint ahead = 0;
        for (long total = 0; total < needed;)
        {
            while (count < width)
            {
                if (at == strip.Length) return false;
                ahead = (ahead << 8) | strip[at++];
                count += 8;
            }

            count -= width;
            int code = (int)(ahead >> count) & ((1 << width) - 1);
            if (code == End) return false;
            if (code == Clear)
            {
                (next, width, before) = (258, 9, -1);
                continue;
            }

            if (before < 0 ? code > 255 : code > next || next >= Most) return false;
            if (before >= 0)
            {
                lengths[next++] = lengths[before] + 1;
                if (next >= (1 << width) - 1 && width < 12) width++;
            }

            total += lengths[code];
            before = code;
        }

        return true;
    }
}
