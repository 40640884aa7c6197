using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

/// <summary>
/// Damaged files of every format that measurements come in. Each must end in a value or in an <see cref="InvalidMeasurementException"/>, in bounded time and
/// memory. INVERSESOLVER_FUZZ says how many files of each seed are tried (500), INVERSESOLVER_FUZZ_SEED which, and INVERSESOLVER_FUZZ_LOG names a folder
/// for the counts, as they grow, and for the files that ended the reader.
/// </summary>
[Collection(nameof(FormatFuzzTests))]
public sealed class FormatFuzzTests
{
    private const long Elements = 1 << 20;

    // The files have a few kilobytes and take milliseconds. HDF5 never ends on some damaged ones: each costs the whole second.
    private static readonly ReaderLimits Limits = new(512 << 20, TimeSpan.FromSeconds(1), Elements);

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
        ("dicom-fragments", Fragments, ReadDicom),
        ("dicom-reference", () => DicomSeeds.File("mr-signed"),
            (reader, file) => DicomSeries.Write(reader, DicomSeriesTests.Series() with { Reference = file })),
        ("nifti", () => Fixtures.Read("big-endian.nii"), (_, file) => Nifti.Read(file, Elements)),
        ("nifti-gz", () => Fixtures.Read("sform.nii.gz"), (_, file) => Nifti.Read(file, Elements)),
    ];

    private static void ReadDicom(FormatReader reader, byte[] file) => DicomFile.Read(reader, file);

    // Two frames in three fragments, which only the data tell apart.
    private static byte[] Fragments()
    {
        byte[] first = DicomBuilder.RleFrame([.. Enumerable.Range(0, 48).Select(i => (ushort)(900 * i))]), second = DicomBuilder.RleFrame(new ushort[48]);
        return DicomBuilder.Mr(6, 8).Text(0x00280008, "IS", "2").Fragments([], first[..80], first[80..], second).File(DicomBuilder.Rle);
    }

    private static ArrayData Array => new([2, 3, 4], [.. Enumerable.Range(0, 48).Select(i => (float)i)], IsComplex: true);

    public static TheoryData<string> Names => [.. Seeds.Select(seed => seed.Name)];

    [Theory, MemberData(nameof(Names))]
    public void A_damaged_file_is_read_or_refused_and_nothing_else(string name)
    {
        int count = Setting("INVERSESOLVER_FUZZ", 500), first = Setting("INVERSESOLVER_FUZZ_SEED", 20_261_121);
        (_, Func<byte[]> make, Action<FormatReader, byte[]> read) = Seeds.Single(seed => seed.Name == name);
        byte[] seed = make();
        var mutations = new Mutations(first);
        using (var patient = new FormatReader(Limits with { Time = TimeSpan.FromMinutes(1) })) read(patient, seed);
        using var reader = new FormatReader(Limits);
        var tally = new FuzzTally($"{name} {first}", Limits.Time, Environment.GetEnvironmentVariable("INVERSESOLVER_FUZZ_LOG"));
        for (int i = 0; i < count; i++) tally.Try(reader, mutations.Next(seed), read);
        if (count % FuzzTally.Lines != 0) tally.Write();
        TestContext.Current.SendDiagnosticMessage(tally.ToString());
        Assert.InRange(tally.Refused, 1, count);
        Assert.InRange(tally.PeakKilobytes, 0, Limits.MemoryBytes / 1024);
    }

    private static int Setting(string name, int otherwise) => int.TryParse(Environment.GetEnvironmentVariable(name), out int named) ? named : otherwise;
}

/// <summary>Nothing runs beside the fuzz tests: their reader's time is bounded tightly.</summary>
[CollectionDefinition(nameof(FormatFuzzTests), DisableParallelization = true)]
public sealed class FormatFuzzAlone;
