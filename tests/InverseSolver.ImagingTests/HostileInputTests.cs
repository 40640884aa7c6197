using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

public class HostileInputTests
{
    private static readonly ImageLimits Limits = new(1_000_000);

    public static TheoryData<string> Files =>
        [.. Fixtures.Names(".png", ".jpg", ".tif", ".webp", ".npy", ".nii", ".gz").Except(
            ["transparent.png", "two-pages.tif", "animated.webp", "nan.tif", "lab.tif", "record.npy", "text.npy", "object.npy"])];

    [Theory, MemberData(nameof(Files))]
    public void A_truncated_file_is_refused_unless_all_its_values_are_there(string name)
    {
        byte[] file = Fixtures.Read(name);
        float[] whole = Values(name, file);
        int refused = 0;
        for (int length = 0; length < file.Length; length++)
        {
            try
            {
                Assert.Equal(whole, Values(name, file[..length]));
            }
            catch (InvalidMeasurementException)
            {
                refused++;
            }
        }
        // What may be missing: end markers and checksums, and in TIFF what follows the samples.
        Assert.InRange(refused, file.Length * 3 / 4, file.Length);
    }

    [Theory]
    [InlineData("image", 6000)]
    [InlineData("npy", 20_000)]
    [InlineData("nifti", 8000)]
    public void A_mutated_file_is_read_or_refused_and_nothing_else(string parser, int count)
    {
        string[] endings = parser switch { "image" => [".png", ".jpg", ".tif", ".webp"], "npy" => [".npy"], _ => [".nii", ".gz"] };
        (string Name, byte[] File)[] seeds = [.. Fixtures.Names(endings).Select(name => (name, Fixtures.Read(name)))];
        var random = new Random(20_26);
        int refused = 0;
        for (int i = 0; i < count; i++)
        {
            (string name, byte[] seed) = seeds[i % seeds.Length];
            byte[] file = Mutate(seed, random);
            try
            {
                Values(name, file);
            }
            catch (InvalidMeasurementException e)
            {
                Assert.DoesNotContain('/', e.Message);
                refused++;
            }
        }
        Assert.InRange(refused, count / 10, count - 1);
    }

    private static float[] Values(string name, byte[] file) => Path.GetExtension(name) switch
    {
        ".npy" => Npy.Read(file, 1_000_000).Values,
        ".nii" or ".gz" => Nifti.Read(file, 1_000_000).Values,
        _ => ImageFile.Read(file, Limits).Values,
    };

    private static byte[] Mutate(byte[] seed, Random random)
    {
        List<byte> file = [.. seed];
        byte[] interesting = [0, 1, 0x7F, 0x80, 0xFE, 0xFF];
        for (int changes = random.Next(1, 6); changes > 0 && file.Count > 0; changes--)
        {
            int at = random.Next(file.Count);
            switch (random.Next(6))
            {
                case 0: file[at] = (byte)random.Next(256); break;
                case 1: file[at] ^= (byte)(1 << random.Next(8)); break;
                case 2:
                    byte value = interesting[random.Next(interesting.Length)];
                    for (int i = at; i < Math.Min(at + 4, file.Count); i++) file[i] = value;
                    break;
                case 3: file.Insert(at, (byte)random.Next(256)); break;
                case 4: file.RemoveAt(at); break;
                default: file.InsertRange(at, file.GetRange(at, Math.Min(random.Next(1, 16), file.Count - at))); break;
            }
        }
        return [.. file];
    }
}
