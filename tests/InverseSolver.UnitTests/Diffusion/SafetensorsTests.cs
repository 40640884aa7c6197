using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Weights;
using Xunit;

namespace InverseSolver.UnitTests.Diffusion;

[LeavesNoTensors]
public sealed class SafetensorsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("inverse-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Every_float_type_reads_as_written()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using SafetensorsFile file = Open(new SafetensorsBuilder()
            .Add("single", [1.5f, -2])
            .Add("half", "F16", [2], [.. BitConverter.GetBytes((Half)0.25), .. BitConverter.GetBytes((Half)(-3))])
            .Add("brain", "BF16", [1, 1], [0x80, 0x3F])
            .Add("empty", "F32", [0, 3], [])
            .Add("scalar", "F64", [], BitConverter.GetBytes(0.125)).ToBytes());
        Assert.Equal([1.5f, -2], file.Read("single").ToFloats());
        Assert.Equal([0.25f, -3], file.Read("half").ToFloats());
        Assert.Equal([1f], file.Read("brain").ToFloats());
        Assert.Equal([0L, 3], file.Read("empty").shape);
        Assert.Equal(0.125, file.Read("scalar").ToDouble());
    }

    [Fact]
    public void Odd_offsets_and_a_padded_header_are_tolerated()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        SafetensorsBuilder builder = new SafetensorsBuilder().Add("byte", "U8", [1], [7]).Add("odd", [3f]);
        using SafetensorsFile file = Open(builder.ToBytes(builder.Header.ToJsonString() + "     "));
        Assert.Equal([3f], file.Read("odd").ToFloats());
    }

    [Theory]
    [InlineData("", "belong to no tensor")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "not valid JSON")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,12]}}""", "does not fill")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", "truncated, or its offsets are wrong")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "begins at byte 4")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "belong to no tensor")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "overlaps")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", "rising")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", "whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}""", "whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,8]}}""", "does not fill")]
    [InlineData("""{"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}""", "F8_E4M3")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2]}}""", "lacks")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}""", "is not part of the format")]
    [InlineData("""{"a":7}""", "not described")]
    [InlineData("""{"__metadata__":{"a":1}}""", "__metadata__")]
    [InlineData("""{"\uD800":7}""", "")]
    [InlineData("""[]""", "does not start")]
    [InlineData("""{"a":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}""", "not valid JSON")]
    public void A_header_that_lies_is_refused(string header, string message)
    {
        SafetensorsBuilder builder = new SafetensorsBuilder().Add("a", [1f, 2f]);
        Assert.Contains(message, Refused(builder.ToBytes(header.Length == 0 ? "{}" : header)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_truncated_file_is_refused_at_every_length()
    {
        byte[] bytes = new SafetensorsBuilder().Add("a", [1f, 2f]).ToBytes();
        for (int length = 0; length < bytes.Length; length++)
        {
            Assert.Contains("truncated", Refused(bytes[..length]).Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(new byte[] { 0x50, 0x4B, 3, 4, 0, 0, 8, 8, 0, 0 })]
    [InlineData(new byte[] { 0x80, 2, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20 })]
    [InlineData(new byte[] { 0x80, 4, 0x95 })]
    public void A_pickle_is_named_as_one(byte[] bytes) => Assert.Contains("pickle", Refused(bytes).Message, StringComparison.Ordinal);

    [Fact]
    public void A_header_as_long_as_a_pickle_begins_is_no_pickle()
    {
        SafetensorsBuilder builder = new SafetensorsBuilder().Add("a", [1f]);
        using SafetensorsFile file = Open(builder.ToBytes(builder.Header.ToJsonString().PadRight(0x280)));
        Assert.Single(file.Entries);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    public void A_number_that_is_not_finite_is_refused_wherever_it_stands(float bad)
    {
        for (int i = 0; i < 21; i++)
        {
            var values = new float[21];
            values[i] = bad;
            using SafetensorsFile file = Open(new SafetensorsBuilder().Add("w", values).ToBytes());
            Assert.Contains("'w' holds a NaN or an infinity", Assert.Throws<InvalidModelException>(() => file.Read("w")).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Random_damage_never_causes_anything_but_the_documented_error()
    {
        byte[] good = File.ReadAllBytes(TestData.Golden("schedulers/ddim-0.safetensors"));
        int headerEnd = 8 + BitConverter.ToInt32(good);
        var random = new Random(20240607);
        int refused = 0;
        const int Rounds = 4000;
        for (int round = 0; round < Rounds; round++)
        {
            byte[] bad = Damage(good, headerEnd, random);
            using DisposeScope scope = torch.NewDisposeScope();
            try
            {
                using SafetensorsFile file = Open(bad);
                foreach (string name in file.Entries.Keys)
                {
                    file.Read(name).Dispose();
                }
            }
            catch (InvalidModelException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, Rounds / 4, Rounds);
    }

    private static byte[] Damage(byte[] good, int headerEnd, Random random)
    {
        List<byte> bytes = [.. good];
        int times = random.Next(1, 4);
        for (int i = 0; i < times; i++)
        {
            // Mostly the length and the header, where all decisions are made.
            int place = random.Next(random.Next(10) == 0 ? bytes.Count : Math.Min(headerEnd, bytes.Count));
            switch (random.Next(6))
            {
                case 0: bytes[place] = (byte)random.Next(256); break;
                case 1: bytes[place] ^= (byte)(1 << random.Next(8)); break;
                case 2: bytes[place] = (byte)"0123456789[]{},:\"-.eE\\"[random.Next(22)]; break;
                case 3: bytes.Insert(place, (byte)random.Next(32, 127)); break;
                case 4: bytes.RemoveAt(place); break;
                default: bytes.RemoveRange(place, random.Next(Math.Min(40, bytes.Count - place))); break;
            }
        }

        return [.. bytes];
    }

    private SafetensorsFile Open(byte[] bytes)
    {
        string path = Path.Combine(_folder, "weights.safetensors");
        File.WriteAllBytes(path, bytes);
        return SafetensorsFile.Open(path);
    }

    private InvalidModelException Refused(byte[] bytes)
    {
        InvalidModelException e = Assert.Throws<InvalidModelException>(() => Open(bytes));
        Assert.Contains("weights.safetensors", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(_folder, e.Message, StringComparison.Ordinal);
        return e;
    }
}
