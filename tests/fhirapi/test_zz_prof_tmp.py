import cProfile,pstats,time,pytest
pytestmark=pytest.mark.django_db
def test_prof():
    from tests.fhirapi import people
    p=people.sign_up()
    from sandbox import population
    from tests.records.people import observation
    obs=[observation(f"o{i}",subject={"reference":f"Patient/{p.patient_id}"},effectiveDateTime=f"20{10+i%15}-05-06T07:08:09Z") for i in range(3000)]
    for i in range(0,3000,500): people.store_records(p,obs[i:i+500])
    app=people.let_in(p,"patient/*.rs") if hasattr(people,'let_in') else None
    for path in ("/Observation/o5","/Observation?patient=%s&category=laboratory&date=ge2012&_count=50"%p.patient_id):
        for _ in range(10): r=app.get(path); assert r.status_code==200
        t=time.process_time(); w=time.time()
        for _ in range(100): app.get(path)
        print(path[:20],'cpu ms',(time.process_time()-t)*10,'wall',(time.time()-w)*10)
        pr=cProfile.Profile(); pr.enable()
        for _ in range(100): app.get(path)
        pr.disable(); s=pstats.Stats(pr); s.sort_stats('cumulative').print_stats(70)
