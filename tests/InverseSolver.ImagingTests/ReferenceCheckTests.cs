using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

public sealed class ReferenceCheckTests : IDisposable
{
    private static readonly StudyInformation Somebody = new()
    {
        PatientId = "ID-4711",
        PatientName = "Müller^Mia",
        PatientBirthDate = "19701224",
        PatientSex = "F",
        StudyInstanceUid = "1.2.3.4",
        StudyDate = "20240131",
        FrameOfReferenceUid = "1.2.3.5",
    };

    private readonly FormatReader _reader = new(ReaderLimits.Default);

    public void Dispose() => _reader.Dispose();

    /// <summary>The identifiers in which the measurement differs from the reference, and the reported difference.</summary>
    public static TheoryData<string, string?> Others => new()
    {
        { "nothing", null },
        { "id", "the patient ID" },
        { "birth date", "the patient's birth date" },
        { "sex", "the patient's sex" },
        { "other sex", null },
        { "name without id", "the patient's name" },
        { "name in other writing without id", null },
        { "birth date without id", "the patient's birth date" },
        { "study", "the study instance UID" },
        { "study's number of the scanner", null },
        { "date", "the study date" },
        { "frame of reference", "the frame of reference" },
        { "id and study", "the patient ID, the study instance UID" },
        { "no one", null },
    };

    [Theory, MemberData(nameof(Others))]
    public void A_reference_that_names_somebody_or_something_else_is_refused_unless_forced(string what, string? differs)
    {
        StudyInformation measured = what switch
        {
            "id" => Somebody with { PatientId = "ID-4712" },
            "birth date" => Somebody with { PatientBirthDate = "1970-12-25" },
            "sex" => Somebody with { PatientSex = "M" },
            "other sex" => Somebody with { PatientSex = "O" },
            "name without id" => Somebody with { PatientId = null, PatientName = "Roe^Rita" },
            "name in other writing without id" => Somebody with { PatientId = null, PatientName = "MÜLLER, MIA" },
            "birth date without id" => Somebody with { PatientId = null, PatientName = null, PatientBirthDate = "1970-12-25" },
            "study" => Somebody with { StudyInstanceUid = "1.2.3.44" },
            "study's number of the scanner" => Somebody with { StudyInstanceUid = "30000019" },
            "date" => Somebody with { StudyDate = "2024-02-01" },
            "frame of reference" => Somebody with { FrameOfReferenceUid = "1.2.3.55" },
            "id and study" => Somebody with { PatientId = "X", StudyInstanceUid = "1.2.3.44" },
            "no one" => new StudyInformation(),
            _ => Somebody,
        };
        var raw = new MeasurementOrigin { Format = "ismrmrd", Study = measured, Remarks = ["before"] };
        // The measurement's patient may also stand in a DICOM image.
        var dicom = new MeasurementOrigin { Format = "dicom", Dicom = Dicom(measured) };
        // Without a study and a frame of reference a DICOM file gets new ones.
        foreach (MeasurementOrigin origin in what is "no one" ? (MeasurementOrigin[])[raw] : [raw, dicom]) AssertCompared(Dicom(Somebody), origin, differs);
    }

    [Fact]
    public void Two_names_of_one_patient_ID_are_remarked_on()
    {
        var origin = new MeasurementOrigin { Format = "ismrmrd", Study = Somebody with { PatientName = "Roe^Rita" } };
        string said = Assert.Single(ReferenceCheck.Check(_reader, Dicom(Somebody), origin, force: false).Remarks);
        Assert.Contains("the same patient ID and different names", said, StringComparison.Ordinal);
        Assert.DoesNotContain("Roe", said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mr-signed"), InlineData("mr-unsigned")]
    public void Names_are_compared_in_the_characters_of_their_file(string dump)
    {
        byte[] reference = DicomSeeds.File(dump);
        StudyInformation read = DicomFile.ReadStudy(_reader, reference);
        if (dump == "mr-signed") Assert.Equal("Müller^Mia", read.PatientName);
        var origin = new MeasurementOrigin
        {
            Format = "ismrmrd",
            Study = new StudyInformation { PatientName = read.PatientName!.ToLowerInvariant().Replace('^', ' ') },
        };
        Assert.Same(origin, ReferenceCheck.Check(_reader, reference, origin, force: false));
        AssertCompared(reference, origin with { Study = new StudyInformation { PatientName = "Mueller^Mia" } }, "the patient's name");
    }

    /// <summary>The position of a slice of 100 mm, true where both have one frame of reference, and true where the reference is accepted.</summary>
    [Theory]
    [InlineData(0, 0, 30, false, false)]
    [InlineData(0, 0, 30, true, true)]
    [InlineData(0, 0, 4, false, true)]
    [InlineData(90, 0, 0, false, true)]
    [InlineData(150, 0, 0, false, false)]
    public void Where_nothing_says_that_it_is_one_exam_the_places_meet(double x, double y, double z, bool named, bool good)
    {
        FrameGeometry place = new(new(0, 0, 0), new(1, 0, 0), new(0, 1, 0), 10, 10, 5);
        StudyInformation study = named ? new StudyInformation { FrameOfReferenceUid = "1.2.3.5" } : new StudyInformation();
        byte[] reference = Dicom(study, place with { Position = new(x, y, z) });
        var origin = new MeasurementOrigin { Format = "ismrmrd", Rows = 10, Columns = 10, Geometry = [place], Study = study };
        AssertCompared(reference, origin, good ? null : "the place in the patient");
        // A sagittal slice through it meets it, wherever its middle lies.
        AssertCompared(Dicom(study, new(new(40, 0, 25), new(0, 1, 0), new(0, 0, -1), 10, 10, 5)), origin, null);
    }

    [Fact]
    public void What_is_no_DICOM_image_is_no_reference()
    {
        Assert.Contains(
            "DICOM image",
            Assert.Throws<InvalidMeasurementException>(() => ReferenceCheck.Check(_reader, new byte[300], MeasurementOrigin.None, force: true)).Message,
            StringComparison.Ordinal);
        Assert.Throws<InvalidMeasurementException>(() => ReferenceCheck.Check(_reader, DicomSeeds.File("report"), MeasurementOrigin.None, force: true));
    }

    private void AssertCompared(byte[] reference, MeasurementOrigin origin, string? differs)
    {
        if (differs is null)
        {
            Assert.Same(origin, ReferenceCheck.Check(_reader, reference, origin, force: false));
            Assert.Same(origin, ReferenceCheck.Check(_reader, reference, origin, force: true));
            return;
        }

        string message = Assert.Throws<InvalidMeasurementException>(() => ReferenceCheck.Check(_reader, reference, origin, force: false)).Message;
        Assert.Contains($"they differ in {differs}. Send", message, StringComparison.Ordinal);
        Assert.Contains("\"reference\": \"force\"", message, StringComparison.Ordinal);
        MeasurementOrigin forced = ReferenceCheck.Check(_reader, reference, origin, force: true);
        Assert.Equal($"The reference was forced, although it and the measurement differ in {differs}.", forced.Remarks[^1]);
        Assert.Equal(origin.Remarks, forced.Remarks.SkipLast(1));
        foreach (string told in (string[])["4711", "ller", "Roe", "1970", "1.2.3", "2024"])
            Assert.DoesNotContain(told, message + forced.Remarks[^1], StringComparison.OrdinalIgnoreCase);
    }

    private byte[] Dicom(StudyInformation study, FrameGeometry? place = null) => DicomSeries.Write(_reader, new DerivedSeries
    {
        Values = [.. Enumerable.Range(0, 100).Select(i => (float)i)],
        Slices = 1,
        Rows = 10,
        Columns = 10,
        Geometry = [place ?? new FrameGeometry(new(0, 0, 0), new(1, 0, 0), new(0, 1, 0), 1, 1, 5)],
        Study = study,
        Solver = "none",
        SoftwareVersion = "1",
    })[0];
}
