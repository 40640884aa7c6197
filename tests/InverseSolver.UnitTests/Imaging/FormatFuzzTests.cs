using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.UnitTests.Imaging;

/// <summary>
/// Damaged files of every format that measurements come in. Each must end in a value or in an <see cref="InvalidMeasurementException"/>, in bounded time and
/// memory. INVERSESOLVER_FUZZ says how many files of each seed are tried (500).
/// </summary>
public sealed class FormatFuzzTests
{
    private const long Elements = 1 << 20;
    private static readonly ReaderLimits Limits = new(512 << 20, TimeSpan.FromSeconds(5), Elements);

    private static readonly (string Name, Func<byte[]> Seed, Action<FormatReader, byte[]> Read)[] Seeds =
    [
        ("ismrmrd", () => RawData.Write("tiny").File, (reader, file) => RawMriFile.Read(reader, file)),
        ("ismrmrd-radial", () => RawData.Write("tiny_radial").File, (reader, file) => RawMriFile.Read(reader, file)),
        ("fastmri", () => RawData.Write("tiny_fastmri").File, (reader, file) => RawMriFile.Read(reader, file)),
        ("npy", () => Fixtures.Read("c16-fortran.npy"), (_, file) => Npy.Read(file, Elements)),
        ("npz", () => RawData.Write("plain").Expected, (_, file) => { foreach (string name in Npz.Names(file)) Npz.Read(file, name, Elements); }),
        ("npz-deflated", NpzTests.Deflated, (_, file) => { foreach (string name in Npz.Names(file)) Npz.Read(file, name, Elements); }),
        ("hdr", () => BartFile.Write(Array).Header, (_, file) => BartFile.Read(file, BartFile.Write(Array).Data, Elements)),
        ("cfl", () => BartFile.Write(Array).Data, (_, file) => BartFile.Read(BartFile.Write(Array).Header, file, Elements)),
        ("dicom", () => DicomSeeds.File("mr-signed"), ReadDicom),
        ("dicom-deflated", () => DicomSeeds.File("mr-unsigned", "dcmconv +td"), ReadDicom),
        ("dicom-rle", () => DicomSeeds.File("mr-unsigned", "dcmcrle"), ReadDicom),
        ("dicom-jpeg", () => DicomSeeds.File("mr-unsigned", "dcmcjpeg +ee"), ReadDicom),
        ("dicom-jpeg-colours", () => DicomSeeds.File("rgb", "dcmcjpeg +eb"), ReadDicom),
        ("dicom-jpeg-ls", () => DicomSeeds.File("mr-unsigned", "dcmcjpls +el"), ReadDicom),
        ("dicom-enhanced", () => DicomSeeds.File("enhanced"), ReadDicom),
        ("dicom-reference", () => DicomSeeds.File("mr-signed"), (reader, file) => DicomSeries.Write(reader, DicomSeriesTests.Series() with { Reference = file })),
        ("nifti", () => Fixtures.Read("big-endian.nii"), (_, file) => Nifti.Read(file, Elements)),
        ("nifti-gz", () => Fixtures.Read("sform.nii.gz"), (_, file) => Nifti.Read(file, Elements)),
    ];

    private static void ReadDicom(FormatReader reader, byte[] file) => DicomFile.Read(reader, file);

    private static NpyArray Array => new([2, 3, 4], [.. Enumerable.Range(0, 48).Select(i => (float)i)], IsComplex: true);

    public static TheoryData<string> Names => [.. Seeds.Select(seed => seed.Name)];

    [Theory, MemberData(nameof(Names))]
    public void A_damaged_file_is_read_or_refused_and_nothing_else(string name)
    {
        int count = int.TryParse(Environment.GetEnvironmentVariable("INVERSESOLVER_FUZZ"), out int named) ? named : 500;
        (_, Func<byte[]> make, Action<FormatReader, byte[]> read) = Seeds.Single(seed => seed.Name == name);
        byte[] seed = make();
        var mutations = new Mutations(20_261_121);
        using var reader = new FormatReader(Limits);
        read(reader, seed);
        long peak = 0;
        int refused = 0;
        for (int i = 0; i < count; i++)
        {
            try
            {
                read(reader, mutations.Next(seed));
            }
            catch (InvalidMeasurementException e)
            {
                Assert.DoesNotContain('/', e.Message);
                refused++;
            }
            if (reader.ProcessId is { } id) peak = Math.Max(peak, FormatReaderTests.PeakKilobytes(id));
        }
        TestContext.Current.SendDiagnosticMessage($"{name}: {count} files, {refused} refused, {reader.Restarts} ended the reader, {peak / 1024} MiB at most");
        Assert.InRange(refused, 1, count);
        Assert.InRange(peak, 0, Limits.MemoryBytes / 1024);
    }
}
